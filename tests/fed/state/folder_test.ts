import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { AggregatorState } from "../../../src/fed/aggregator/state.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { nameFullDisk } from "../../../src/fed/protocol/full_disk.ts";
import type { UpdateStart } from "../../../src/fed/protocol/messages.ts";
import { SiloState } from "../../../src/fed/silo/state.ts";
import { REVOCATIONS, StateFolder } from "../../../src/fed/state/folder.ts";
import { digest } from "../../../src/files/digest.ts";
import { inFolder } from "../../testing/folder.ts";
import { killAt, Killed, proposalOf } from "../../testing/fake_federation.ts";
import { startVector, TINY } from "../../testing/fake_trainer.ts";
import { registration } from "../../testing/open_round.ts";

Deno.test("StateFolder.open refuses a second holder and frees the lock when disposed", () =>
  inFolder(async (dir) => {
    {
      using _first = await StateFolder.open(dir, { role: "silo a" });
      const error = await assertRejects(() => StateFolder.open(dir, { role: "silo a" }), ProtocolError);
      assertEquals(error.code, "state_locked");
    }
    using _second = await StateFolder.open(dir, { role: "silo a" });
  }));

Deno.test("StateFolder.transaction keeps all or nothing, and values survive reopening", () =>
  inFolder(async (dir) => {
    {
      using state = await StateFolder.open(dir, { role: "silo a" });
      state.set("a", { x: 1 });
      assertThrows(() =>
        state.transaction(() => {
          state.set("a", { x: 2 });
          throw new Error("stop");
        }), Error);
    }
    using state = await StateFolder.open(dir, { role: "silo a" });
    assertEquals(state.get("a"), { x: 1 });
    assertEquals(state.get("b"), null);
  }));

Deno.test("StateFolder.open says damaged_state for a file that is no database", () =>
  inFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/run.sqlite`, "not a database".repeat(100));
    const error = await assertRejects(() => StateFolder.open(dir, { role: "silo a" }), ProtocolError);
    assertEquals(error.code, "damaged_state");
  }));

Deno.test("SiloState.open and AggregatorState.open remove what a killed process left behind, nothing else", () =>
  inFolder(async (dir) => {
    const files = (at: string) => [...Deno.readDirSync(`${dir}/${at}`)].map(({ name }) => name).toSorted();
    const leave = async (...paths: string[]) => {
      for (const path of paths) await Deno.writeTextFile(`${dir}/${path}`, "x");
    };
    {
      using state = await AggregatorState.open(`${dir}/hub`);
      state.begin("r".repeat(32), proposalOf(startVector(TINY)), { now: 0 });
      state.close(1, "0".repeat(64), { now: 0, bytes: 0, held: [0, 1] });
      state.announce("a", { round: 2 } as UpdateStart);
      const receipt = { run: "0f".repeat(16), sha256: "0".repeat(64), examples: 1 };
      state.count({ ...receipt, round: 1, silo: "a" });
      state.count({ ...receipt, round: 2, silo: "b" });
    }
    await leave("hub/model.safetensors.1.tmp", "hub/models/0.f32", "hub/models/2.f32.partial");
    await leave("hub/thesis.tmp", "hub/models/mine.partial", "hub/staged/notes.txt");
    await leave(
      "hub/staged/1-a.f32",
      "hub/staged/2-a.f32.partial",
      "hub/staged/2-b.f32",
      "hub/staged/2-c.f32.partial",
    );
    (await AggregatorState.open(`${dir}/hub`))[Symbol.dispose]();
    assertEquals(files("hub/staged"), ["2-a.f32.partial", "2-b.f32", "notes.txt"]);
    assertEquals(files("hub/models"), ["0.f32", "mine.partial"]);
    assert(files("hub").includes("thesis.tmp"));
    assert(!files("hub").includes("model.safetensors.1.tmp"));
    (await SiloState.open(`${dir}/a`, { silo: "a" }))[Symbol.dispose]();
    await leave(
      "a/model.safetensors",
      "a/model.safetensors.1.tmp",
      "a/staged/update.f32",
      "a/staged/update.f32.1.tmp",
    );
    (await SiloState.open(`${dir}/a`, { silo: "a" }))[Symbol.dispose]();
    assertEquals(files("a/staged"), ["update.f32"]);
    assert(files("a").includes("model.safetensors") && !files("a").includes("model.safetensors.1.tmp"));
  }));

Deno.test("StateFolder.open refuses another role's folder, a newer version's and an older one's, and leaves both as they are", () =>
  inFolder(async (dir) => {
    {
      using state = await AggregatorState.open(dir);
      state.begin("r".repeat(32), proposalOf(startVector(TINY)), { now: 0 });
      state.announce("a", { round: 1 } as UpdateStart);
    }
    await Deno.writeTextFile(`${dir}/staged/1-a.f32.partial`, "half");
    const other = await assertRejects(() => SiloState.open(dir, { silo: "a" }), ProtocolError);
    assertEquals(other.code, "other_role");
    assertMatch(other.message, /silo a.*aggregator.*--state/);
    assertEquals(await Deno.readTextFile(`${dir}/staged/1-a.f32.partial`), "half");
    for (const [version, code] of [[7, "older_state"], [9, "newer_state"]] as const) {
      {
        using folder = await StateFolder.open(dir, { role: "aggregator", anyAge: true });
        folder.set("state", { version, role: "aggregator" });
      }
      const error = await assertRejects(() => AggregatorState.open(dir), ProtocolError);
      assertEquals(error.code, code);
      assertMatch(error.message, version === 7 ? /got 7 .*--new/ : /got 9 .*fresh --state/);
      if (version === 7) {
        assertMatch(error.message, /finish that run with the fedx that began it/);
        {
          using folder = await StateFolder.open(dir, { role: "aggregator", anyAge: true });
          folder.set("result", {});
        }
        const finished = await assertRejects(() => AggregatorState.open(dir), ProtocolError);
        assertMatch(
          finished.message,
          /got 7, of a run that has finished .*read its result with the fedx that ran it/,
        );
        assertMatch((await StateFolder.setAside(`${dir}`, { role: "aggregator" }))!, /T\d+Z$/);
      }
    }
  }));

Deno.test("SiloState.open refuses another silo's folder", () =>
  inFolder(async (dir) => {
    (await SiloState.open(dir, { silo: "a" }))[Symbol.dispose]();
    const error = await assertRejects(() => SiloState.open(dir, { silo: "b" }), ProtocolError);
    assertEquals(error.code, "other_role");
  }));

Deno.test("StateFolder.setAside moves a role's folder whole, and no other role's", () =>
  inFolder(async (parent) => {
    const dir = `${parent}/hub`;
    assertEquals(await StateFolder.setAside(dir, { role: "aggregator" }), null);
    {
      using state = await AggregatorState.open(dir);
      state.begin("r".repeat(32), proposalOf(startVector(TINY)), { now: 0 });
      const locked = await assertRejects(
        () => StateFolder.setAside(dir, { role: "aggregator" }),
        ProtocolError,
      );
      assertEquals(locked.code, "state_locked");
    }
    const other = await assertRejects(() => StateFolder.setAside(dir, { role: "silo a" }), ProtocolError);
    assertEquals(other.code, "other_role");
    const aside = (await StateFolder.setAside(dir, { role: "aggregator" }))!;
    assertMatch(aside, /\/hub\.\d{8}T\d{6}Z$/);
    using old = await AggregatorState.open(aside);
    assertEquals(old.run, "r".repeat(32));
    using fresh = await AggregatorState.open(dir);
    assertEquals(fresh.run, null);
  }));

Deno.test("nameFullDisk knows a full disk from Deno, Node and SQLite, and leaves other errors alone", async () => {
  const full = await Deno.writeFile("/dev/full", new Uint8Array(1)).then(() => null, (error) => error);
  for (const error of [full, new Error("database or disk is full")]) {
    assertEquals((nameFullDisk(error) as ProtocolError).code, "disk_full");
  }
  const other = new Error("something else");
  assertEquals(nameFullDisk(other), other);
});

Deno.test("SiloState.update gives a stored update only while its file is what was written", () =>
  inFolder(async (dir) => {
    using state = await SiloState.open(dir, { silo: "a" });
    const wanted = { run: "r", round: 2, base: "b" };
    const values = new Float32Array([1, 2, 3]);
    const scores = { run: "r", round: 2, auroc: null, se: null, loss: null, positives: 0, negatives: 0 };
    await Deno.writeFile(state.updatePath, new Uint8Array(values.buffer));
    state.commitPart({ ...wanted, sha256: digest(values), scores }, { trained: 1, scored: 1 });
    assertEquals((await state.part(wanted))?.sha256, digest(values));
    assertEquals(await state.part({ ...wanted, round: 3 }), null);
    await Deno.truncate(state.updatePath, 8);
    assertEquals(await state.part(wanted), null);
    await Deno.remove(state.updatePath);
    assertEquals(await state.part(wanted), null);
  }));

Deno.test("AggregatorState: what this fedx would never have stored is damaged_state, named with its silo, not a crash", () =>
  inFolder(async (dir) => {
    {
      using state = await AggregatorState.open(dir);
      const joined = registration("b");
      const { train } = joined.splits;
      state.join({ ...joined, splits: { ...joined.splits, train: { ...train, images: 2 ** 33 } } });
    }
    const error = await assertRejects(() => AggregatorState.open(dir), ProtocolError);
    assertEquals(error.code, "damaged_state");
    assertMatch(error.message, /4194304 at splits\.train\.images in the registration of b, got 8589934592/);
  }));

/** A folder of a run that knows a list of revoked certificates. */
async function knowing(dir: string, number: number): Promise<void> {
  using state = await AggregatorState.open(dir);
  if (state.run === null) state.begin("r".repeat(32), proposalOf(startVector(TINY)), { now: 0 });
  state.folder.set(REVOCATIONS, { number });
}

Deno.test("StateFolder.setAside: what is to be kept stands in the new folder, and nothing else", () =>
  inFolder(async (parent) => {
    const dir = `${parent}/hub`;
    await knowing(dir, 3);
    await StateFolder.setAside(dir, { role: "aggregator", keep: [REVOCATIONS, "absent"] });
    {
      using fresh = await AggregatorState.open(dir);
      assertEquals([fresh.run, fresh.folder.get("absent")], [null, null]);
      assertEquals(fresh.folder.get(REVOCATIONS), { number: 3 });
    }
    const names = (await Array.fromAsync(Deno.readDir(parent))).map(({ name }) => name).toSorted();
    assertMatch(names.join(), /^hub,hub\.\d{8}T\d{6}Z$/);
  }));

Deno.test("StateFolder.setAside: no kill on the way loses what is to be kept, whatever is done next", async () => {
  const role = "aggregator", keep = [REVOCATIONS];
  const again = (dir: string) => StateFolder.setAside(dir, { role, keep });
  /** The start of `fedx aggregate` makes the folder for its log first. */
  const logged = (dir: string) => Deno.mkdir(dir, { recursive: true, mode: 0o700 }).then(() => null);
  for (const point of ["kept", "set_aside"]) {
    for (const next of [() => Promise.resolve(null), again, logged]) {
      await inFolder(async (parent) => {
        const dir = `${parent}/hub`;
        await knowing(dir, 3);
        const killed = () => StateFolder.setAside(`${dir}/`, { role, keep, faultPoint: killAt(point) });
        await assertRejects(killed, Killed);
        await next(dir);
        using state = await AggregatorState.open(dir);
        assertEquals(state.folder.get(REVOCATIONS), { number: 3 }, point);
        assertEquals(state.run === null, point === "set_aside" || next === again);
      });
    }
  }
});

Deno.test("StateFolder.setAside keeps the newest values, not those of a time when it was killed", () =>
  inFolder(async (parent) => {
    const dir = `${parent}/hub`, role = "aggregator", keep = [REVOCATIONS];
    await knowing(dir, 3);
    await assertRejects(() => StateFolder.setAside(dir, { role, keep, faultPoint: killAt("kept") }), Killed);
    await knowing(dir, 4);
    const { mode } = await Deno.stat(`${dir}.kept.json`);
    assertEquals(mode! & 0o777, 0o600);
    await StateFolder.setAside(dir, { role, keep });
    using state = await AggregatorState.open(dir);
    assertEquals(state.folder.get(REVOCATIONS), { number: 4 });
  }));

Deno.test("StateFolder.open begins no folder in place of one whose kept values are damaged", () =>
  inFolder(async (parent) => {
    const dir = `${parent}/hub`, role = "aggregator", keep = [REVOCATIONS];
    await knowing(dir, 3);
    const killed = () => StateFolder.setAside(dir, { role, keep, faultPoint: killAt("set_aside") });
    await assertRejects(killed, Killed);
    const whole = await Deno.readTextFile(`${dir}.kept.json`);
    await Deno.writeTextFile(`${dir}.kept.json`, whole.slice(0, -5));
    const error = await assertRejects(() => AggregatorState.open(dir), ProtocolError);
    assertEquals(error.code, "damaged_state");
    assertMatch(error.message, /hub\.kept\.json.*newest revoked\.json/);
    await Deno.writeTextFile(`${dir}.kept.json`, whole);
    using state = await AggregatorState.open(dir);
    assertEquals(state.folder.get(REVOCATIONS), { number: 3 });
  }));
