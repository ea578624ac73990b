/**
 * A server in the aggregator's place shows a certificate that looks like the genuine one, without its key.
 *
 * Against 4b8d8f7 the silo sends its request 50 times of 50 to the first three.
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ProtocolError } from "../../src/fed/protocol/errors.ts";
import { runRole, withFederation } from "../testing/fake_federation.ts";
import { forgeries, withForged } from "./forged.ts";

/** What the silo says of each. */
const SAID: Record<string, string> = {
  "of version 1 with the CA's name": "a certificate of version 1",
  "genuine, with a byte behind it": "1 bytes after the end",
  "genuine, with its length in a longer form": "a length in a longer form than needed",
  "genuine, as it is": "certificate",
  "genuine, with its signature written anew": "certificate",
  "of another CA with the same name": "one that another key signed in its name",
};

for (const [form, said] of Object.entries(SAID)) {
  Deno.test(`a silo sends nothing to an aggregator with a foreign key and a certificate ${form}, 50 times of 50`, () =>
    withFederation(async (dir) => {
      const shown = (await forgeries(dir, "aggregator"))[form];
      const heard = await withForged(shown, async (port) => {
        for (let i = 0; i < 50; i++) {
          const run = () => runRole({ dir, port, role: "a" }, { wait: 0.01 });
          const error = await assertRejects(run, ProtocolError);
          assertEquals(error.code, "server_certificate", error.message);
          assertStringIncludes(error.message, said);
        }
      });
      assert(heard.length >= 50);
      assertEquals(heard.filter((one) => one === "greeting" || one === "request"), []);
    }));
}
