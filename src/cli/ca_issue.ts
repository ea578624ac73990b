import { issue } from "../fed/ca.ts";
import type { Values } from "./commands.ts";
import type { Context } from "./main.ts";
import { requireSubject } from "./names.ts";

/** Issues one certificate. */
export async function run(context: Context<Values<"ca issue"> & { NAME: string }>): Promise<void> {
  const { values, output } = context;
  const made = await issue({ ...requireSubject(values), ca: values.ca, out: values.out });
  output.result(
    { ca: made.ca, cert: made.cert, key: made.key, expires: made.expires, fingerprint: made.fingerprint },
    `${values.out}: ca.pem, cert.pem, key.pem of the ${values.role} ${values.NAME}, valid until ${
      made.expires.slice(0, 10)
    }`,
  );
}
