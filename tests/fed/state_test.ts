import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ProtocolError } from "../../src/fed/errors.ts";
import { openDurable, readAt, writeDurable } from "../../src/fed/files.ts";
import { SiloState } from "../../src/fed/silo_state.ts";
import { StateFolder } from "../../src/fed/state.ts";
import { requirePinnedDeno } from "../../src/fed/tls.ts";
import { digest } from "../../src/model/checkpoint.ts";

async function withFolder(body: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "fedx-state-" });
  try {
    await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("StateFolder.open refuses a second holder and frees the lock when disposed", () =>
  withFolder(async (dir) => {
    {
      using _first = await StateFolder.open(dir, "");
      const error = await assertRejects(() => StateFolder.open(dir, ""), ProtocolError);
      assertEquals(error.code, "state_locked");
    }
    using _second = await StateFolder.open(dir, "");
  }));

Deno.test("StateFolder.transaction keeps all or nothing, and values survive reopening", () =>
  withFolder(async (dir) => {
    {
      using state = await StateFolder.open(dir, "");
      state.set("a", { x: 1 });
      assertThrows(() =>
        state.transaction(() => {
          state.set("a", { x: 2 });
          throw new Error("stop");
        }), Error);
    }
    using state = await StateFolder.open(dir, "");
    assertEquals(state.get("a"), { x: 1 });
    assertEquals(state.get("b"), null);
  }));

Deno.test("StateFolder.open says damaged_state for a file that is no database", () =>
  withFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/run.sqlite`, "not a database".repeat(100));
    const error = await assertRejects(() => StateFolder.open(dir, ""), ProtocolError);
    assertEquals(error.code, "damaged_state");
  }));

Deno.test("openDurable shows a file only after commit and leaves nothing without it", () =>
  withFolder(async (dir) => {
    {
      using file = await openDurable(`${dir}/x`);
      await file.write(new Uint8Array([1]));
      await assertRejects(() => Deno.stat(`${dir}/x`), Deno.errors.NotFound);
    }
    assertEquals([...Deno.readDirSync(dir)], []);
    await writeDurable(`${dir}/x`, new Uint8Array([1, 2, 3]));
    using file = await Deno.open(`${dir}/x`);
    const two = new Uint8Array(2);
    await readAt(file, 1, two);
    assertEquals([...two], [2, 3]);
    await assertRejects(() => readAt(file, 2, two), RangeError);
  }));

Deno.test("SiloState.update gives a stored update only while its file is what was written", () =>
  withFolder(async (dir) => {
    using state = await SiloState.open(dir);
    const wanted = { run: "r", round: 2, base: "b" };
    const values = new Float32Array([1, 2, 3]);
    const scores = { run: "r", round: 2, auroc: null, loss: null, positives: 0, negatives: 0 };
    await Deno.writeFile(state.updatePath, new Uint8Array(values.buffer));
    state.commitUpdate({ ...wanted, sha256: digest(values), scores }, { trained: 1, scored: 1 });
    assertEquals((await state.update(wanted))?.bytes.length, 12);
    assertEquals(await state.update({ ...wanted, round: 3 }), null);
    await Deno.truncate(state.updatePath, 8);
    assertEquals(await state.update(wanted), null);
    await Deno.remove(state.updatePath);
    assertEquals(await state.update(wanted), null);
  }));

Deno.test("requirePinnedDeno refuses every other Deno and says why", () => {
  requirePinnedDeno("2.9.3");
  const error = assertThrows(() => requirePinnedDeno("2.9.4"), ProtocolError);
  assert(error.message.includes("2.9.3"), error.message);
});
