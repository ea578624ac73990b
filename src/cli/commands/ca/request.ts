import { makeRequest } from "../../../fed/pki/certificate_request.ts";
import type { Context } from "../../context.ts";
import type { caRequest } from "../../options/table/ca.ts";

/** Makes a key that stays here, and a request for its certificate. */
export async function run(context: Context<typeof caRequest>): Promise<void> {
  const { values, output } = context;
  const { NAME: name, role, host: hosts, out } = values;
  const made = await makeRequest({ name, role, hosts, out });
  output.result(
    made,
    [
      `${made.request}: send it to the holder of the certificate authority, and read them the digest after "key" by telephone`,
      `${made.keyFile}: ${made.renewal ? "used again; " : ""}stays here`,
      `name ${made.name}, role ${made.role}${
        made.hosts.length > 0 ? `, hosts ${made.hosts.join(", ")}` : ""
      }`,
      `key ${made.key}`,
      `then put the cert.pem and ca.pem that come back into ${out}`,
    ].join("\n"),
  );
}
