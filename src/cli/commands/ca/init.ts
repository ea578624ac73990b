import { initCa } from "../../../fed/pki/ca.ts";
import type { Context } from "../../context.ts";
import type { caInit } from "../../options/table/ca.ts";

/** Makes a certificate authority. */
export async function run({ values, output }: Context<typeof caInit>): Promise<void> {
  const made = await initCa(values.out);
  output.result(
    { ca: made.ca, key: made.key, expires: made.expires, fingerprint: made.fingerprint },
    `${made.ca} and ${made.key} (keep the key to yourself), valid until ${made.expires.slice(0, 10)}`,
  );
}
