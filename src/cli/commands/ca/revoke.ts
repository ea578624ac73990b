import { revoke } from "../../../fed/pki/revoke.ts";
import type { Values } from "../../options/commands.ts";
import type { Context } from "../../main.ts";
import { requireName } from "../../options/names.ts";

/** Refuses a silo's certificates from now on. */
export async function run(context: Context<Values<"ca revoke"> & { NAME: string }>): Promise<void> {
  const { values, output } = context;
  requireName(values.NAME);
  const made = await revoke({ name: values.NAME, ca: values.ca, tls: values.tls });
  const before = made.known === 0 ? "" : `, ${made.known} had been before`;
  output.result(
    made,
    [
      `${made.list}: ${made.revoked.length} certificate(s) of ${values.NAME} revoked${before}`,
      "an aggregator that reads this folder refuses them from its next request on; " +
      `elsewhere copy the file into the aggregator's --tls (it lies in ${values.ca} too)`,
    ].join("\n"),
  );
}
