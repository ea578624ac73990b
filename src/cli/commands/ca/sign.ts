import { signRequest } from "../../../fed/pki/certificate_request.ts";
import { lastDay } from "./issue.ts";
import type { Context } from "../../context.ts";
import type { caSign } from "../../options/table/ca.ts";

/** Makes the certificate that a site's request asks for, if it asks for what the signer says. */
export async function run(context: Context<typeof caSign>): Promise<void> {
  const { values, output } = context;
  const { REQUEST: request, name, role, ca, out } = values;
  const made = await signRequest({ request, name, role, ca, out });
  if (made.ignored.length > 0) output.line(`not taken from the request: ${made.ignored.join(", ")}`);
  if (made.other !== null) {
    output.line(
      `warning: another key has a certificate of the name ${made.name} until ${made.other.slice(0, 10)}; ` +
        `if ${made.name} did not ask for a second one, or has lost the first key, ` +
        `run \`fedx ca revoke ${made.name}\` and have the right request signed again`,
    );
  }
  output.result(
    made,
    [
      `${made.cert}: signed for ${made.name}, role ${made.role}` +
      `${made.hosts.length > 0 ? `, hosts ${made.hosts.join(", ")}` : ""}, until ${lastDay(made)}`,
      `key ${made.key} (is it the one that the site reads out?)`,
      `certificate ${made.fingerprint}`,
    ].join("\n"),
  );
}
