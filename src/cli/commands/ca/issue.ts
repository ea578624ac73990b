import { issue } from "../../../fed/pki/ca.ts";
import type { Context } from "../../context.ts";
import type { caIssue } from "../../options/table/ca.ts";

/** Issues one certificate. */
export async function run(context: Context<typeof caIssue>): Promise<void> {
  const { values, output } = context;
  const { NAME: name, role, host: hosts, ca, out } = values;
  const made = await issue({ name, role, hosts, ca, out });
  output.result(
    made,
    [
      `${out}: ca.pem, cert.pem, key.pem of the ${role} ${name}, valid until ${lastDay(made)}`,
      ...role === "silo" ? [`key ${made.keyDigest}`] : [],
    ].join("\n"),
  );
}

/** A certificate's last day, and why it comes so soon. */
export function lastDay({ expires, shortened }: { expires: string; shortened: boolean }): string {
  return expires.slice(0, 10) + (shortened ? ", with its CA (make a new CA with fedx ca init before)" : "");
}
