import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type LiveLines, Output } from "../../../src/cli/output/output.ts";
import { childFlags } from "../../testing/child.ts";
import { OnTerminal } from "../../testing/terminal.ts";

const OUTPUT = fileURLToPath(new URL("../../../src/cli/output/output.ts", import.meta.url));

/** An output whose streams are texts; its ticking lines go on every millisecond. */
function heard(options: { columns?: number } = {}) {
  const drawn: string[] = [], lines: string[] = [], results: string[] = [];
  const live = Object.assign((text: string) => void drawn.push(text), { clear() {}, done() {} }) as LiveLines;
  const columns = options.columns === undefined ? undefined : () => options.columns!;
  const output = new Output({
    json: false,
    stdout: (text) => void results.push(text),
    stderr: (text) => void lines.push(text),
    columns: { stdout: columns, stderr: columns },
    live: columns && live,
    pace: { live: 1, lines: 1 },
  });
  return { output, drawn, lines, results };
}

/** Waits until something is as it should be. */
async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 1));
}

Deno.test("Output: a line that stderr does not take, on a full disk say, ends nothing", async () => {
  const code = `
    import { Output } from ${JSON.stringify(OUTPUT)};
    const output = await Output.create({ json: false });
    output.line("lost");
    output.result({}, "the result");
  `;
  const program = [Deno.execPath(), "eval", ...await childFlags(), code];
  const args = ["-c", 'exec "$@" 2>/dev/full', "sh", ...program];
  const { code: status, stdout } = await new Deno.Command("sh", { args }).output();
  assertEquals([status, new TextDecoder().decode(stdout)], [0, "the result\n"]);
});

Deno.test("a ticking line is drawn anew on a terminal until it is disposed of, and prints nothing", async () => {
  const { output, drawn, lines } = heard({ columns: 80 });
  let left = 60;
  {
    using _ = output.ticking(() => `waiting, ${left--} s left`);
    await until(() => drawn.length > 2);
  }
  const seen = drawn.length;
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals([drawn[0], drawn[1], drawn.length], ["waiting, 60 s left", "waiting, 59 s left", seen]);
  assertEquals(lines, []);
  output.line("done");
  assertEquals([lines, drawn.length], [["done\n"], seen]);
});

Deno.test("a ticking line that goes to a file is printed at once and again later, unless a line has said it", async () => {
  const { output, lines } = heard();
  {
    using _ = output.ticking(() => "waiting");
    assertEquals(lines, ["waiting\n"]);
    await until(() => lines.length > 1);
  }
  lines.length = 0;
  {
    using _ = output.ticking(() => "trying again", { said: true });
    assertEquals(lines, []);
    await until(() => lines.length > 0);
  }
});

Deno.test("what ends a ticking line leaves another live line alone", () => {
  const { output, drawn, lines } = heard({ columns: 80 });
  const ticking = output.ticking(() => "waiting");
  output.status("round 1");
  ticking[Symbol.dispose]();
  output.line("said");
  assertEquals([drawn.at(-1), lines], ["round 1", ["said\n"]]);
});

Deno.test("timed lines of a file begin with the time, those of a terminal and the last sentence do not", () => {
  const file = heard(), terminal = heard({ columns: 80 });
  for (const { output } of [file, terminal]) {
    output.timed = true;
    output.line("one\ntwo");
    output.progress("films", 3, 3);
    output.end("Cannot go on: expected x, got y");
  }
  const time = "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ";
  assertMatch(file.lines.join(""), new RegExp(`^${time} one\n${time} two\n${time} films 3/3\nCannot go on`));
  assertEquals(terminal.lines, ["one\ntwo\n", "Cannot go on: expected x, got y\n"]);
});

Deno.test("lines and results break between words on a terminal, and nowhere else", () => {
  const text = "Cannot read the shard: expected a folder, got a file";
  const narrow = heard({ columns: 30 }), file = heard();
  for (const { output } of [narrow, file]) {
    output.line(text);
    output.result({}, text);
  }
  const broken = "Cannot read the shard:\nexpected a folder, got a file\n";
  assertEquals([narrow.lines, narrow.results], [[broken], [broken]]);
  assertEquals([file.lines, file.results], [[`${text}\n`], [`${text}\n`]]);
});

Deno.test("on a real terminal a line ticks in place and breaks between words at 80 and 120 columns", async () => {
  const code = `
    import { Output } from ${JSON.stringify(OUTPUT)};
    const output = await Output.create({ json: false });
    output.timed = true;
    let at = 0;
    const ticking = output.ticking(() => "tick " + ++at);
    await new Promise((go) => Deno.addSignalListener("SIGTERM", go));
    output.line("word ".repeat(30).trim());
    ticking[Symbol.dispose]();
    output.end("end");
  `;
  const command = [Deno.execPath(), "eval", ...await childFlags(), code];
  for (const columns of [80, 120]) {
    const terminal = await OnTerminal.start([], { cwd: ".", columns, command, env: { NO_COLOR: "1" } });
    await terminal.when(/^tick 1$/);
    await terminal.when(/^tick 2$/);
    assertEquals(terminal.lines.filter((line) => line.startsWith("tick")), ["tick 2"]);
    await terminal.kill("SIGTERM");
    const { whole, lines, raw } = await terminal.finished;
    assertEquals(whole.filter((line) => line.startsWith("tick")), []);
    assertEquals(lines, whole);
    assertEquals(
      lines.filter((line) => /word/.test(line)).map((line) => line.length),
      {
        80: [79, 69],
        120: [119, 29],
      }[columns],
    );
    assertEquals(lines.at(-1), "end");
    assert(!raw.includes("\x1b[?25l"), "the cursor was hidden");
  }
});
