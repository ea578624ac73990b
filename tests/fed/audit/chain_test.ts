import { assert, assertEquals, assertMatch } from "@std/assert";
import { Chain, GENESIS } from "../../../src/fed/audit/chain.ts";
import { digest } from "../../../src/files/digest.ts";
import { EventLog } from "../../../src/cli/output/event_log.ts";
import { readEvents } from "../../../src/cli/output/history.ts";
import { inFolder } from "../../testing/folder.ts";

const linesOf = async (path: string) => (await Deno.readTextFile(path)).split("\n").slice(0, -1);

Deno.test("Chain: each line carries the SHA-256 of the bytes before it, over any number of starts", () =>
  inFolder(async (dir) => {
    const path = `${dir}/log`;
    for (const start of [0, 1, 2]) {
      using chain = (await Chain.open(path))!;
      assertEquals([chain.lines, chain.cut], [2 * start, 0]);
      for (const text of ["é", "x".repeat(3 << 20)]) chain.append({ start, text });
      assertEquals(await chain.sync(), {
        lines: 2 * start + 2,
        digest: digest((await linesOf(path)).at(-1)!),
      });
    }
    let before = GENESIS;
    for (const line of await linesOf(path)) {
      assert(line.startsWith(`{"prev":"${before}",`));
      before = digest(line);
    }
    assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);
  }));

Deno.test("Chain: what a kill has left of a last line is cut wherever it stopped, and the chain goes on", () =>
  inFolder(async (dir) => {
    const path = `${dir}/log`;
    {
      using chain = (await Chain.open(path))!;
      for (const k of [1, 2, 3]) chain.append({ k });
    }
    const whole = await Deno.readFile(path);
    const lines = await linesOf(path);
    const starts = lines.map((_, i) => lines.slice(0, i).join("\n").length + (i > 0 ? 1 : 0));
    for (let size = 0; size <= whole.length; size++) {
      await Deno.writeFile(path, whole.subarray(0, size));
      using chain = (await Chain.open(path))!;
      const kept = starts.filter((_, i) => size >= (starts[i + 1] ?? whole.length)).length;
      assertEquals([chain.lines, chain.cut], [kept, size - (starts[kept] ?? whole.length)]);
      chain.append({ k: "on" });
      const now = await linesOf(path);
      assertEquals(now.slice(0, -1), lines.slice(0, kept));
      assertEquals(JSON.parse(now.at(-1)!).prev, kept === 0 ? GENESIS : digest(lines[kept - 1]));
    }
  }));

Deno.test("Chain: nobody else writes a log that a process has", () =>
  inFolder(async (dir) => {
    {
      using _chain = (await Chain.open(`${dir}/log`))!;
      assertEquals(await Chain.open(`${dir}/log`), null);
    }
    using again = await Chain.open(`${dir}/log`);
    assert(again !== null);
  }));

const silent = { progress() {}, line() {}, ticking: () => ({ now() {}, [Symbol.dispose]() {} }) };

Deno.test("EventLog: a later start says so on the chain, and what was cut; readers see the events alone", () =>
  inFolder(async (dir) => {
    const path = `${dir}/events.jsonl`;
    {
      using log = await EventLog.open(dir, silent);
      log.onEvent({ type: "closing", rounds: 3 });
      assertEquals((await log.audit.sync())?.lines, 1);
    }
    await Deno.writeTextFile(path, '{"prev":"ab', { append: true });
    {
      using log = await EventLog.open(dir, silent);
      log.onEvent({ type: "closing", rounds: 4 });
    }
    const events = (await readEvents(path)).map(({ time, ...event }) => {
      assertMatch(time, /^20/);
      return event;
    });
    assertEquals(events, [
      { type: "closing", rounds: 3 },
      { type: "log_resumed", lines: 1, cut: 11 },
      { type: "closing", rounds: 4 },
    ]);
  }));

Deno.test("EventLog: a second process on one state shows its events, leaves the log alone and says so", () =>
  inFolder(async (dir) => {
    const lines: string[] = [];
    using first = await EventLog.open(dir, silent);
    using second = await EventLog.open(dir, { ...silent, line: (text) => void lines.push(text) });
    second.onEvent({ type: "warning", text: "second" });
    first.onEvent({ type: "closing", rounds: 3 });
    assertEquals((await readEvents(`${dir}/events.jsonl`)).map(({ type }) => type), ["closing"]);
    assertMatch(lines[0], /^warning: events are not written: another process has .*events\.jsonl$/);
    assertEquals([lines[1], await second.audit.sync()], ["warning: second", null]);
  }));

Deno.test("EventLog: a disk that makes nothing durable is told once, however many heads are asked for", () =>
  inFolder(async (dir) => {
    await Deno.symlink("/dev/null", `${dir}/events.jsonl`); // takes every line, and cannot be synced
    const lines: string[] = [];
    using log = await EventLog.open(dir, { ...silent, line: (text) => void lines.push(text) });
    for (let i = 0; i < 3; i++) {
      log.onEvent({ type: "row_accepted", round: i, sha256: "0".repeat(64) });
      assertEquals(await log.audit.sync(), null);
    }
    assertEquals(lines.length, 1);
    assertMatch(lines[0], /^warning: events are not written for now/);
  }));
