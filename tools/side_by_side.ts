/**
 * `deno test` in two processes side by side, batch by batch: most tests wait for other processes, for sockets or for the
 * disk, so one process leaves a machine of two cores half idle.
 *
 * Why not `deno test --parallel`: it runs files in one process, and so with one environment and one native library.
 */

/** Most files of a batch; starting a process costs as much as a quick file. */
const MOST = 8;
/** Batches a side at least, so that no side is idle for long at the end. */
const BATCHES = 4;
/** Files that take long get a process of their own, and go first: those that take longest, then the others like them. */
const LONGEST = ["native", "e2e/egress", "e2e/restart", "e2e/quorum", "e2e/onefile", "e2e/first_hour"];
const LONG = /^tests\/(native_test\.ts|mod_test\.ts|e2e\/|long\/)/;
/** Folders whose tests are quick go last: where little is left, neither side waits long for the other. */
const QUICK = /^tests\/(architecture|bench|cli|docs|files|shim|tools)\//;
const SIDES = 2;

/** What a process's last line says. */
export interface Summary {
  passed: number;
  steps: number;
  failed: number;
  ignored: number;
  filtered: number;
}

/** The test files under paths, sorted. @param ignore a folder that is left out */
export async function testFiles(paths: readonly string[], ignore: string | null): Promise<string[]> {
  const found: string[] = [];
  const look = async (path: string): Promise<void> => {
    if (path === ignore) return;
    if (!(await Deno.stat(path)).isDirectory) return void found.push(path);
    for await (const { name, isDirectory } of Deno.readDir(path)) {
      if (isDirectory || name.endsWith("_test.ts")) await look(`${path}/${name}`);
    }
  };
  for (const path of paths) await look(path.replace(/^\.\//, "").replace(/\/$/, ""));
  return [...new Set(found)].sort();
}

/** Long files alone and first, then the others in their order, and the quick ones last. */
export function batchesOf(files: readonly string[]): string[][] {
  const place = (file: string) => LONGEST.findIndex((name) => file === `tests/${name}_test.ts`) >>> 0;
  const batches = files.filter((file) => LONG.test(file)).sort((a, b) => place(a) - place(b)).map((
    file,
  ) => [file]);
  const short = files.filter((file) => !LONG.test(file));
  const others = [...short.filter((file) => !QUICK.test(file)), ...short.filter((file) => QUICK.test(file))];
  const size = Math.min(MOST, Math.ceil(others.length / (SIDES * BATCHES)));
  for (let at = 0; at < others.length; at += size) batches.push(others.slice(at, at + size));
  return batches;
}

// deno-lint-ignore no-control-regex -- colours begin with an escape
const plain = (output: string) => output.replaceAll(/\x1b\[[0-9;]*m/g, "");

/** What `deno test` says of each test that failed: its name, place and error; frames of Deno's own are left out. */
export function failuresOf(output: string): string {
  const errors = /^ ERRORS $(.*?)^ FAILURES $/ms.exec(plain(output));
  return errors?.[1].split("\n").filter((line) => !/^ +at .*\bext:/.test(line)).join("\n").trim() ?? "";
}

/** What `deno test` says at its end; null for none. */
export function summaryOf(output: string): Summary | null {
  const last = plain(output).split("\n").findLast((line) => /^(ok|FAILED) \| \d+ passed/.test(line));
  if (last === undefined) return null;
  const count = (what: string) => Number(new RegExp(`(\\d+) ${what}`).exec(last)?.[1] ?? 0);
  return {
    passed: count("passed"),
    steps: count("steps?\\) \\| \\d+ failed"),
    failed: count("failed"),
    ignored: count("ignored"),
    filtered: count("filtered out"),
  };
}

/** The line that `deno test` would have said of them all. */
export function lineOf(all: readonly Summary[], seconds: number): string {
  const sum = (of: keyof Summary) => all.reduce((total, one) => total + one[of], 0);
  const [passed, steps, failed, ignored, filtered] = [
    sum("passed"),
    sum("steps"),
    sum("failed"),
    sum("ignored"),
    sum("filtered"),
  ];
  const parts = [
    failed === 0 ? "ok" : "FAILED",
    `${passed} passed${steps > 0 ? ` (${steps} steps)` : ""}`,
    `${failed} failed`,
    ...ignored > 0 ? [`${ignored} ignored`] : [],
    ...filtered > 0 ? [`${filtered} filtered out`] : [],
  ];
  const whole = Math.round(seconds);
  return `${parts.join(" | ")} (${Math.floor(whole / 60)}m${whole % 60}s)`;
}

/** Where the output goes, and whether a signal asked for the end. */
export interface SideBySideOptions {
  /** @default console.log */
  print?: (text: string) => void;
  /** Asked before each batch. @default never */
  stopped?: () => boolean;
}

/**
 * Runs the batches, prints each one's output when it is there, and at the end what failed once more and the sum;
 * returns the exit code.
 * @param run starts `deno test` with files, and gives its exit code and output
 */
export async function sideBySide(
  files: readonly string[],
  run: (files: string[]) => Promise<{ code: number; output: string }>,
  { print = console.log, stopped = () => false }: SideBySideOptions = {},
): Promise<number> {
  const began = performance.now();
  const waiting = batchesOf(files), summaries: Summary[] = [], broken: string[] = [], failures: string[] = [];
  let done = 0;
  const side = async () => {
    for (let batch; !stopped() && (batch = waiting.shift()) !== undefined;) {
      const started = performance.now();
      const { code, output } = await run(batch);
      const seconds = (performance.now() - started) / 1000;
      print(output.trimEnd());
      const summary = summaryOf(output);
      if (summary !== null) summaries.push(summary);
      failures.push(failuresOf(output));
      // A process that ends by a fault may not have counted it.
      if (code !== 0 && !summary?.failed) broken.push(batch.join(", "));
      const what = batch.length === 1 ? batch[0] : `${batch.length} files from ${batch[0]} on`;
      print(
        `tests: ${done += batch.length} of ${files.length} files done; ${what}: ${seconds.toFixed(1)} s\n`,
      );
    }
  };
  await Promise.all(Array.from({ length: SIDES }, side));
  if (waiting.length > 0) broken.push(`${waiting.flat().length} files: stopped before them`);
  for (const text of failures.filter((text) => text !== "")) print(`tests: failed:\n${text}\n`);
  for (const files of broken) print(`tests: no result of ${files}`);
  const failed = broken.map(() => ({ passed: 0, steps: 0, failed: 1, ignored: 0, filtered: 0 }));
  print(`\n${lineOf([...summaries, ...failed], (performance.now() - began) / 1000)}`);
  return broken.length > 0 || summaries.some((one) => one.failed > 0) ? 1 : 0;
}
