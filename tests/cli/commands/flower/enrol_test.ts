import { assert, assertEquals, assertMatch } from "@std/assert";
import { initCa, issue } from "../../../../src/fed/pki/ca.ts";
import { FlowerIdentity } from "../../../../src/fed/flower/identity.ts";
import { inFolder } from "../../../testing/folder.ts";
import { run } from "../../../testing/program.ts";

Deno.test("flower enrol: says what to run on both sides; aggregate takes enrolled sites and nobody else", () =>
  inFolder(async (dir) => {
    await initCa(`${dir}/ca`);
    await issue({ name: "hub", role: "aggregator", ca: `${dir}/ca`, out: `${dir}/tls` });
    const pem = FlowerIdentity.generate();
    await Deno.writeTextFile(`${dir}/K.pem`, pem);
    await Deno.writeTextFile(`${dir}/K.pub`, new FlowerIdentity(pem).sshLine);
    const enrol = ["flower", "enrol", "d", "K.pub", "--train", "120", "--positives", "70", "--tls", "tls"];
    const first = await run(enrol, { cwd: dir });
    assertEquals(first.code, 0, first.stderr);
    assertMatch(first.stdout, /tls\/flower\.json: d enrolled, 120 training images, 70 with a finding/);
    assertMatch(first.stdout, /--flower-listen/);
    assertMatch(first.stdout, /^fedx: 'ssh-ed25519 [A-Za-z0-9+/=]+'$/m);
    const again = await run([...enrol.with(5, "130"), "--json"], { cwd: dir });
    const { signer, ...told } = JSON.parse(again.stdout);
    assertEquals(told, { name: "d", train: 130, positives: 70, list: "tls/flower.json", changed: true });
    assert(first.stdout.includes(signer));

    const aggregate = ["aggregate", "--tls", "tls", "--rounds", "1", "--init", "random", "--state", "state"];
    const listen = ["--flower-listen", "127.0.0.1:0"];
    const cases: [args: string[], code: number, text: RegExp][] = [
      [enrol.with(3, "K.pem"), 1, /got a private key \(remedy: take the K\.pub/],
      [enrol.with(3, "none.pub"), 1, /none\.pub/],
      [enrol.with(7, "120"), 1, /both classes among its training films.*got 120 of 120/],
      [enrol.slice(0, -2), 2, /missing --tls/],
      [
        [...aggregate, "--silos", "a,b", ...listen],
        2,
        /expected --silos with one that is enrolled, got a, b .*fedx flower enrol/,
      ],
      [
        [...aggregate, "--silos", "a,d", "--budget", "5m", ...listen].toSpliced(3, 2),
        2,
        /--rounds in a run with Flower sites/,
      ],
    ];
    for (const [args, code, text] of cases) {
      const ended = await run(args, { cwd: dir });
      assertMatch(ended.stderr, text);
      assertEquals(ended.code, code, ended.stderr);
    }
    assert(!await Deno.stat(`${dir}/state`).then(() => true, () => false));
  }));
