/**
 * What real silos masked, by a second hand: Python's `cryptography` makes every masked update of a run's last round again
 * from the silos' private keys, bit for bit. FEDX_PYTHON names a Python that has `cryptography` and `numpy`.
 */
import { assertEquals, assertMatch } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { canonicalDigest } from "../../src/files/canonical.ts";
import type { MaskKeys, StoredMask } from "../../src/fed/silo/mask_state.ts";
import type { Plan, Roster, RoundSettings } from "../../src/fed/protocol/messages.ts";
import { planId } from "../../src/fed/protocol/messages.ts";
import { MASKED, runFederation, withFederation } from "../testing/fake_federation.ts";
import { TINY } from "../testing/fake_trainer.ts";
import { pythonWith } from "../testing/python.ts";

const SCRIPT = fileURLToPath(new URL("../golden/masks.py", import.meta.url));
const SILOS = ["a", "b", "c", "d"];
const ROUNDS = 3;

const python = await pythonWith(["cryptography", "numpy"]);

/** The JSON values of a role's state. */
function stored<T>(state: string, key: string): T {
  using db = new DatabaseSync(`${state}/run.sqlite`, { readOnly: true });
  return JSON.parse(db.prepare("SELECT value FROM meta WHERE key = ?").get(key)!.value as string);
}

function column<T>(state: string, sql: string): T {
  using db = new DatabaseSync(`${state}/run.sqlite`, { readOnly: true });
  return JSON.parse(db.prepare(sql).get()!.json as string);
}

Deno.test({
  name:
    "masked updates of real roles: Python makes them again from the private keys, and sums them to the plain sum",
  ignore: python === null,
  fn: () =>
    withFederation(async (dir) => {
      await runFederation({
        dir,
        rounds: ROUNDS,
        proposal: { silos: SILOS, quorum: SILOS.length, ...MASKED },
      });
      const hub = `${dir}/state-aggregator`, state = (silo: string) => `${dir}/state-${silo}`;
      const plan = stored<Plan>(hub, "plan");
      const row = column<RoundSettings>(hub, `SELECT json FROM rows WHERE round = ${ROUNDS}`);
      const { readies } = column<Roster>(hub, `SELECT json FROM rosters WHERE round = ${ROUNDS}`);
      const masks = SILOS.map((silo) => stored<StoredMask>(state(silo), "mask"));
      const written = {
        plan: planId(plan),
        row: canonicalDigest(row),
        readies: readies.map(({ ready }) => ready),
        numbers: SILOS.map((_, index) => index + 1),
        privateKeys: SILOS.map((silo) => stored<MaskKeys>(state(silo), "mask keys").privateKey),
        examples: readies.map(({ ready }) => ready.examples),
        scale: row.scale,
        layout: { weights: TINY.weights, length: TINY.length },
        deltas: SILOS.map((silo) => `state-${silo}/staged/update.f32`),
        ys: SILOS.map((silo) => `state-${silo}/staged/masked.i64`),
      };
      assertEquals(masks.map(({ round }) => round), SILOS.map(() => ROUNDS));
      const check = async (name: string, changes: Partial<typeof written> = {}) => {
        await Deno.writeTextFile(`${dir}/${name}`, JSON.stringify({ ...written, ...changes }));
        const { code, stdout, stderr } = await new Deno.Command(python!, {
          args: [SCRIPT, "check", `${dir}/${name}`],
        })
          .output();
        return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
      };
      const { code, text } = await check("masks.json");
      assertEquals(code, 0, text);
      assertMatch(text, new RegExp(`rosterDigest ${masks[0].roster}`));
      for (const [index, silo] of SILOS.entries()) {
        assertMatch(text, new RegExp(`${silo}: as it must be, SHA-256 of y ${masks[index].sha256}`));
      }
      assertMatch(text, /the sum of all y is the sum of all n·q/);
      const { privateKeys } = written;
      const swapped = await check("swapped.json", { privateKeys: privateKeys.with(0, privateKeys[1]) });
      assertEquals(swapped.code, 1, swapped.text);
      assertMatch(swapped.text, /a: the private key is not that of its ready; y differs/);
    }, SILOS),
});
