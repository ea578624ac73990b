/**
 * NODE_TLS_REJECT_UNAUTHORIZED=0, which some set for a proxy that inspects TLS, tells Deno to trust every server.
 *
 * Against 4b8d8f7 the silo sends its request to a server with any certificate, without a word of warning.
 */
import { fileURLToPath } from "node:url";
import { assertEquals, assertMatch } from "@std/assert";
import { childFlags } from "../testing/child.ts";
import { assertRefused, run } from "../testing/program.ts";
import { withFederation } from "../testing/fake_federation.ts";
import { draft, keys, make, nameOf } from "../testing/certificates.ts";
import { withForged } from "./forged.ts";

const env = { NODE_TLS_REJECT_UNAUTHORIZED: "0" };
const NAMED = /NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment/;
const ROLE = fileURLToPath(new URL("../testing/fake_federation.ts", import.meta.url));

Deno.test("processes: fedx train and aggregate do not start with NODE_TLS_REJECT_UNAUTHORIZED=0, and name it", () =>
  withFederation(async (dir) => {
    const server = ["--server", "https://127.0.0.1:1", "--wait", "1s"];
    const train = ["train", "--silo", "a", ...server, "--tls", "tls-a", "--shard", "none"];
    assertRefused(await run(train, { cwd: dir, env }), NAMED);
    const settings = ["--silos", "a,b,c", "--rounds", "1", "--size", "32", "--init", "random"];
    const aggregate = ["aggregate", ...settings, "--tls", "tls-aggregator", "--listen", "127.0.0.1:0"];
    assertRefused(await run(aggregate, { cwd: dir, env }), NAMED);
  }));

Deno.test("processes: with NODE_TLS_REJECT_UNAUTHORIZED=0 no silo says a word to a server with any certificate", () =>
  withFederation(async (dir) => {
    const { publicKey, privateKey: key } = keys();
    const any = make(draft("aggregator", { name: nameOf("anybody"), key }, { key: publicKey }));
    const heard = await withForged({ certificates: [any], key }, async (port) => {
      const args = ["run", "-A", ...await childFlags(), ROLE, JSON.stringify({ dir, port, role: "a" })];
      const { stderr, success } = await new Deno.Command(Deno.execPath(), { args, env }).output();
      assertEquals(success, false);
      assertMatch(new TextDecoder().decode(stderr), NAMED);
    });
    assertEquals(heard, []);
  }));
