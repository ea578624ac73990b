import { makeRequest } from "../../../fed/pki/certificate_request.ts";
import type { Values } from "../../options/commands.ts";
import type { Context } from "../../main.ts";
import { requireSubject } from "../../options/names.ts";

/** Makes a key that stays here, and a request for its certificate. */
export async function run(context: Context<Values<"ca request"> & { NAME: string }>): Promise<void> {
  const { values, output } = context;
  const made = await makeRequest({ ...requireSubject(values), out: values.out });
  output.result(
    made,
    [
      `${made.request}: send it to the holder of the certificate authority, and tell them the key by another way`,
      `${made.keyFile}: ${made.renewal ? "used again; " : ""}stays here`,
      `name ${made.name}, role ${made.role}${
        made.hosts.length > 0 ? `, hosts ${made.hosts.join(", ")}` : ""
      }`,
      `key ${made.key}`,
      `then put the cert.pem and ca.pem that come back into ${values.out}`,
    ].join("\n"),
  );
}
