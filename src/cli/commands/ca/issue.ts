import { issue } from "../../../fed/pki/ca.ts";
import type { Values } from "../../options/commands.ts";
import type { Context } from "../../main.ts";
import { requireSubject } from "../../options/names.ts";

/** Issues one certificate. */
export async function run(context: Context<Values<"ca issue"> & { NAME: string }>): Promise<void> {
  const { values, output } = context;
  const made = await issue({ ...requireSubject(values), ca: values.ca, out: values.out });
  output.result(
    made,
    `${values.out}: ca.pem, cert.pem, key.pem of the ${values.role} ${values.NAME}, valid until ${
      lastDay(made)
    }`,
  );
}

/** A certificate's last day, and why it comes so soon. */
export function lastDay({ expires, shortened }: { expires: string; shortened: boolean }): string {
  return expires.slice(0, 10) + (shortened ? ", with its CA (make a new CA with fedx ca init before)" : "");
}
