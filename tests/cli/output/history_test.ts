import { assertEquals } from "@std/assert";
import { EventTail, readEvents } from "../../../src/cli/output/history.ts";
import { inFolder } from "../../testing/folder.ts";

Deno.test("EventTail gives each event once, whole lines only, and reads no byte twice", () =>
  inFolder(async (dir) => {
    const path = `${dir}/events.jsonl`;
    const tail = new EventTail(path);
    const types = async () => (await tail.next()).map(({ type }) => type as string);
    const add = (text: string) => Deno.writeTextFile(path, text, { append: true });
    assertEquals(await types(), []);
    await add('{"type":"plan"}\n{"type":"r');
    assertEquals(await types(), ["plan"]);
    await add('ow"}\n{"type":"é"}\n');
    assertEquals(await types(), ["row", "é"]);
    assertEquals(await types(), []);
    assertEquals((await readEvents(path)).length, 3);
    const file = await Deno.open(path, { write: true });
    await file.write(new TextEncoder().encode("overwritten"));
    file.close();
    await add('{"type":"committed"}\n');
    assertEquals(await types(), ["committed"]);
  }));

Deno.test("readEvents passes over a line that a kill has broken", () =>
  inFolder(async (dir) => {
    const path = `${dir}/events.jsonl`;
    await Deno.writeTextFile(path, '{"type":"plan"}\n{"type":"ro{"type":"row"}\n{"type":"closing"}\n');
    assertEquals((await readEvents(path)).map(({ type }) => type), ["plan", "closing"]);
  }));
