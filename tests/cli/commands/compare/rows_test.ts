import { assertEquals, assertRejects } from "@std/assert";
import { type Row, Rows } from "../../../../src/cli/commands/compare/rows.ts";
import { inFolder } from "../../../testing/folder.ts";

const rowOf = (key: string, films = "f".repeat(64)) => ({ key, films, logits: [1, 2] }) as Row;
const FILMS = "f".repeat(64);

Deno.test("Rows keeps every row that was added, and those alone", () =>
  inFolder(async (dir) => {
    const rows = await Rows.open(`${dir}/new`, FILMS);
    assertEquals(rows.found.size, 0);
    for (const key of ["a", "b"]) await rows.add(rowOf(key));
    const again = await Rows.open(`${dir}/new`, FILMS);
    assertEquals([...again.found.values()], [rowOf("a"), rowOf("b")]);
  }));

Deno.test("Rows drops a line that a kill left half written, and goes on behind the last whole one", () =>
  inFolder(async (dir) => {
    const rows = await Rows.open(dir, FILMS);
    for (const key of ["a", "ä"]) await rows.add(rowOf(key));
    const whole = await Deno.readTextFile(rows.path);
    await Deno.writeTextFile(rows.path, whole + JSON.stringify(rowOf("c")).slice(0, 20));
    const again = await Rows.open(dir, FILMS);
    assertEquals([...again.found.keys()], ["a", "ä"]);
    await again.add(rowOf("c"));
    assertEquals(await Deno.readTextFile(rows.path), `${whole}${JSON.stringify(rowOf("c"))}\n`);
  }));

Deno.test("Rows: behind a row that a full disk left half written the next is a line of its own, and only the half one is lost", () =>
  inFolder(async (dir) => {
    const rows = await Rows.open(dir, FILMS);
    await rows.add(rowOf("a"));
    const whole = await Deno.readTextFile(rows.path);
    await Deno.remove(rows.path);
    await Deno.mkdir(rows.path);
    await assertRejects(() => rows.add(rowOf("b")));
    await Deno.remove(rows.path);
    await Deno.writeTextFile(rows.path, whole + JSON.stringify(rowOf("b")).slice(0, 20));
    for (const key of ["c", "d"]) await rows.add(rowOf(key));
    assertEquals([...(await Rows.open(dir, FILMS)).found.keys()], ["a", "c", "d"]);
  }));

Deno.test("Rows of other shards are refused and stay as they are", () =>
  inFolder(async (dir) => {
    const rows = await Rows.open(dir, FILMS);
    await rows.add(rowOf("a"));
    const before = await Deno.readTextFile(rows.path);
    await assertRejects(
      () => Rows.open(dir, "0".repeat(64)),
      Error,
      "expected trainings on the same shards in the same order, by the same label rule, got trainings on others",
    );
    assertEquals(await Deno.readTextFile(rows.path), before);
  }));
