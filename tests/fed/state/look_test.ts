import { assertEquals } from "@std/assert";
import { lookInto } from "../../../src/fed/state/look.ts";
import { StateFolder } from "../../../src/fed/state/folder.ts";
import { inFolder } from "../../testing/folder.ts";

/** Every name in a folder with its time of writing and its size. */
const filesIn = (dir: string) =>
  [...Deno.readDirSync(dir)].map(({ name }) => {
    const { mtime, size } = Deno.statSync(`${dir}/${name}`);
    return `${name} ${mtime?.getTime()} ${size}`;
  }).sort();

Deno.test("lookInto reads a state that runs, and one at rest, and changes nothing in either", () =>
  inFolder(async (dir) => {
    assertEquals(await lookInto(dir, ["a"]), null);
    const state = await StateFolder.open(dir, { role: "silo b" });
    state.set("a", { x: 1 });
    const found = { role: "silo b", values: { a: { x: 1 }, none: null } };
    const running = filesIn(dir);
    assertEquals(await lookInto(dir, ["a", "none"]), { ...found, running: true });
    assertEquals(filesIn(dir), running);
    state.set("a", { x: 1 }); // it still writes
    state[Symbol.dispose]();
    const resting = filesIn(dir);
    assertEquals(await lookInto(dir, ["a", "none"]), { ...found, running: false });
    assertEquals(filesIn(dir), resting);
  }));

Deno.test("lookInto reads what a killed role had committed, and sees that no process has the state", () =>
  inFolder(async (dir) => {
    const [state, killed] = [`${dir}/state`, `${dir}/killed`];
    using folder = await StateFolder.open(state, { role: "aggregator" });
    folder.set("a", 1);
    await Deno.mkdir(killed);
    for (const { name, isFile } of Deno.readDirSync(state)) {
      if (isFile) await Deno.copyFile(`${state}/${name}`, `${killed}/${name}`);
    }
    assertEquals(await lookInto(killed, ["a"]), { role: "aggregator", running: false, values: { a: 1 } });
  }));

Deno.test("StateFolder.open waits for whoever only looks, and does not take that for another process", () =>
  inFolder(async (dir) => {
    (await StateFolder.open(dir, { role: "silo b" }))[Symbol.dispose]();
    const look = await Deno.open(`${dir}/lock`);
    await look.lock(false);
    const opened = StateFolder.open(dir, { role: "silo b" });
    await new Promise((resolve) => setTimeout(resolve, 0));
    look.close();
    (await opened)[Symbol.dispose]();
  }));
