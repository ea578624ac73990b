import { revoke } from "../../../fed/pki/revoke.ts";
import type { Context } from "../../context.ts";
import type { caRevoke } from "../../options/table/ca.ts";
import { plural } from "../../../plural.ts";

/** Refuses a silo's certificates from now on. */
export async function run(context: Context<typeof caRevoke>): Promise<void> {
  const { values, output } = context;
  const made = await revoke({ name: values.NAME, ca: values.ca, tls: values.tls });
  const before = made.known === 0 ? "" : `, ${made.known} had been before`;
  output.result(
    made,
    [
      `${made.list}: ${plural(made.revoked.length, "certificate")} of ${values.NAME} revoked${before}`,
      "an aggregator that reads this folder refuses them from its next request on; " +
      `elsewhere copy the file into the aggregator's --tls (it lies in ${values.ca} too)`,
    ].join("\n"),
  );
}
