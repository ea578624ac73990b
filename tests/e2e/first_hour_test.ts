/**
 * The first hour of docs/getting-started.md on real processes, word for word: authority and archive, three hospitals, one
 * whose key others may read, one that declines, one that is stopped and goes on, the end. What is printed is compared
 * with what the page shows.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { waitForEvent } from "../../src/cli/output/history.ts";
import type { FedEvent } from "../../src/fed/protocol/event.ts";
import { drawFilms } from "../testing/hospitals.ts";
import { blocks, page, WALKTHROUGH } from "../testing/pages.ts";
import { freePort } from "../testing/free_port.ts";
import { inFolder } from "../testing/folder.ts";
import { placeProgram } from "../testing/program.ts";
import { OnTerminal } from "../testing/terminal.ts";
import { settled, Transcripts } from "../testing/transcript.ts";

/** Smaller than the page's own settings, which the environment may say; the page's transcripts were printed with them. */
// With a seed of its own each run would end with other words; $ROUNDS is the command's last, so that one may follow it.
const SETTINGS = { SIZE: "32", ROUNDS: "2 --seed 0" };
const PATIENCE = 120_000;

/** A process that was started with the commands of one block. */
interface Started {
  child: Deno.ChildProcess;
  finished: Promise<{ code: number; stdout: string; stderr: string }>;
}

/** Ends the shell and the program that it runs. */
function end({ child }: Started): void {
  try {
    Deno.kill(-child.pid, "SIGKILL");
  } catch {
    // They have ended.
  }
}

/** The blocks of shell of the page, each of which runs once in `dir`. */
class Shell {
  readonly #blocks: Map<string, string>;
  readonly left: Set<string>;
  readonly #env: Record<string, string>;

  private constructor(readonly dir: string, named: [string, string][]) {
    this.#blocks = new Map(named);
    this.left = new Set(this.#blocks.keys());
    const own = { DENO_NO_UPDATE_CHECK: "1", XDG_DATA_HOME: `${dir}/share` };
    this.#env = { ...SETTINGS, HUB: `127.0.0.1:${freePort()}`, ...own };
  }

  static async open(dir: string): Promise<Shell> {
    const shell = blocks(await page(WALKTHROUGH)).filter(({ language }) => language === "sh");
    return new Shell(dir, shell.map(({ name, text }) => [name, text]));
  }

  /** The arguments of `sh` that run a block after the page's settings. */
  #command(name: string): string[] {
    const text = this.#blocks.get(name);
    assert(text, `${WALKTHROUGH} has no block “sh ${name}”`);
    this.left.delete(name);
    return ["-e", "-c", `unset FEDX_WEIGHTS\n${this.#blocks.get("settings")}${text}`];
  }

  start(name: string): Started {
    const [args, cwd, env] = [this.#command(name), this.dir, this.#env];
    const child = new Deno.Command("sh", {
      args,
      cwd,
      env,
      detached: true, // a group of its own, which can be ended with the program that the shell runs
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const texts = [child.stdout, child.stderr].map((stream) => new Response(stream).text());
    const finished = Promise.all([child.status, ...texts]).then(([{ code }, stdout, stderr]) => {
      return { code, stdout, stderr };
    });
    return { child, finished };
  }

  /** Runs a block to its end; returns what it printed. */
  async run(name: string): Promise<string> {
    const { code, stdout, stderr } = await this.start(name).finished;
    assertEquals(code, 0, `block “sh ${name}”: ${stdout}${stderr}`);
    return stderr + stdout;
  }

  onTerminal(
    name: string,
    options: { columns?: number; env?: Record<string, string> } = {},
  ): Promise<OnTerminal> {
    const env = { ...this.#env, ...options.env };
    return OnTerminal.start(this.#command(name), { ...options, cwd: this.dir, env, command: ["sh"] });
  }
}

/** Waits until the hub has told something. */
function told<T extends FedEvent["type"]>(
  dir: string,
  type: T,
  where: (event: Extract<FedEvent, { type: T }>) => boolean = () => true,
) {
  const signal = AbortSignal.timeout(PATIENCE);
  return waitForEvent(`${dir}/fedx-state/aggregator/events.jsonl`, { type, where, signal });
}

/** The run of the page: b's key is open to others, c declines, a is stopped; then all three take part. */
async function play(shell: Shell, shown: Transcripts): Promise<void> {
  const { dir } = shell;
  const running: Started[] = [];
  const start = (name: string) => {
    const started = shell.start(name);
    running.push(started);
    return started;
  };
  try {
    const hub = start("hub");
    await told(dir, "listening");
    const stopped = await shell.onTerminal("a");
    await stopped.when(/waiting for the others/);
    for (const name of ["b-refused", "c-declines"]) {
      const refused = await (await shell.onTerminal(name)).finished;
      assertEquals(refused.code, 1, refused.lines.join("\n"));
      shown.take(name, refused.lines.join("\n"));
    }
    await told(dir, "declined");
    await stopped.type("\x03");
    const first = await stopped.finished;
    assertEquals(first.code, 130);
    shown.take("a-stopped", first.lines.join("\n"));
    const a = await shell.onTerminal("a");
    await a.when(/waiting for the others/);
    const b = start("b");
    await told(dir, "joined", ({ silo }) => silo === "b");
    const c = await shell.onTerminal("c", { columns: 120, env: { NO_COLOR: "1" } });
    const ends = await Promise.all([hub, b].map(({ finished }) => finished));
    assertEquals(ends.map(({ code }) => code), [0, 0], ends.map(({ stderr }) => stderr).join("\n"));
    const [seen, wide] = await Promise.all([a.finished, c.finished]);
    for (const { code, lines, whole } of [seen, wide]) {
      assertEquals(code, 0, lines.join("\n"));
      assertEquals(lines, whole, "the terminal had to break a line");
    }
    // deno-lint-ignore no-control-regex -- that is what a colour is
    assert(!/\x1b\[[0-9;]*m/.test(wide.raw), "colours in spite of NO_COLOR");
    // The same words as in a, but for its name and folders, whatever the width.
    const asA = wide.lines.join("\n").replaceAll(/\bc\b/g, "a");
    assertEquals(settled(asA).length, settled(seen.lines.join("\n")).length);
    shown.take("a", seen.lines.join("\n"));
    shown.take("hub", ends[0].stderr + ends[0].stdout);
  } finally {
    running.forEach(end);
    await Promise.all(running.map(({ finished }) => finished));
  }
}

Deno.test("the first hour of docs/getting-started.md runs word for word, and what is printed is what the page shows", () =>
  inFolder(async (dir) => {
    await drawFilms(dir, { train: 96, val: 100, test: 120 });
    await placeProgram(dir);
    const shell = await Shell.open(dir);
    const shown = new Transcripts(WALKTHROUGH);
    shell.left.delete("settings");
    shown.take("certificates", await shell.run("certificates"));
    await shell.run("archive");
    await shell.run("sign");
    shown.take("prepare", (await shell.run("prepare")).replace(`${dir}/share`, "~/.local/share"));
    await shell.run("prepare-others");
    assertStringIncludes(await shell.run("doctor"), "nothing wrong");
    await play(shell, shown);
    shown.take("after", await shell.run("after"));
    shown.take("personal", await shell.run("personal"));
    assertStringIncludes(await Deno.readTextFile(`${dir}/roc.svg`), "<svg");
    assertEquals((await Deno.readTextFile(`${dir}/scores.csv`)).trim().split("\n").length, 317);
    assertEquals([...shell.left], [], "blocks that nothing ran");
    await shown.check();
  }));
