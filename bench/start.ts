/**
 * How large is the one file, and how long does it take to start?
 *
 *     npx -y deno@2.9.3 task compile
 *     npx -y deno@2.9.3 run -A bench/start.ts [FEDX]
 *
 * FEDX is what `task compile` made, ./fedx until a task that runs from source takes its place (`task bench` is one).
 * First start: with an empty cache, so it unpacks, hashes and syncs every part. Later starts: `--version`, median of 5.
 * Baseline: the carried runtime with a program of one line, median of 5.
 */
import { fileURLToPath } from "node:url";
import { median } from "../src/fed/maths/median.ts";
import { machine } from "./machine.ts";

const REMEDY =
  "make it with `npx -y deno@2.9.3 task compile`, then run `npx -y deno@2.9.3 run -A bench/start.ts`; " +
  "`task bench` and other tasks put a script in its place";

/** Says that `path` is not the one file; `got` is what lies there. */
function refusal(path: string, got: string): Error {
  return new Error(
    `Cannot measure the start: expected the one file at ${path}, got ${got} (remedy: ${REMEDY})`,
  );
}

/** The path of a program. @throws where nothing lies there, or a script, or what cannot be run. */
async function programAt(path: string): Promise<string> {
  const found = await Deno.stat(path).catch(() => null);
  if (found === null) throw refusal(path, "nothing");
  if (!found.isFile) throw refusal(path, "a folder");
  using file = await Deno.open(path);
  const head = new Uint8Array(4);
  await file.read(head);
  if (new TextDecoder().decode(head) !== "\x7fELF") {
    throw refusal(path, "a script that runs fedx from source");
  }
  return await Deno.realPath(path);
}

/** Seconds of one run with this cache folder. */
async function seconds(cache: string, command: string, args: string[]): Promise<number> {
  const start = performance.now();
  const env = { XDG_CACHE_HOME: cache, DENO_NO_UPDATE_CHECK: "1", DENO_DIR: `${cache}/deno` };
  const { success } = await new Deno.Command(command, { args, env, stdout: "null" }).output();
  if (!success) throw new Error(`Cannot measure the start: ${command} ${args.join(" ")} failed`);
  return (performance.now() - start) / 1000;
}

async function medianSeconds(cache: string, command: string, args: string[]): Promise<number> {
  const runs: number[] = [];
  for (let i = 0; i < 5; i++) runs.push(await seconds(cache, command, args));
  return median(runs);
}

/** The runtime that the one file has unpacked. @throws where another program is at work. */
async function runtimeOf(fedx: string, cache: string): Promise<string> {
  const env = { XDG_CACHE_HOME: cache };
  const { success, stdout } = await new Deno.Command(fedx, { args: ["--unpack"], env, stderr: "null" })
    .output();
  if (!success) throw refusal(fedx, "a program without `--unpack`, such as one that `deno compile` made");
  return `${new TextDecoder().decode(stdout).trim()}/fedx-runtime`;
}

async function measure(path: string, cache: string): Promise<void> {
  const fedx = await programAt(path);
  const first = await seconds(cache, fedx, ["--version"]);
  const runtime = await runtimeOf(fedx, cache);
  await Deno.writeTextFile(`${cache}/one.js`, "console.log(1)");
  const bare = ["run", "--quiet", "--no-config", "--no-lock", `${cache}/one.js`];
  const baseline = await medianSeconds(cache, runtime, bare);
  const later = await medianSeconds(cache, fedx, ["--version"]);
  console.log(machine());
  console.log(`size             ${((await Deno.stat(fedx)).size / 1e6).toFixed(1)} MB`);
  console.log(`first start      ${first.toFixed(2)} s`);
  console.log(`later starts     ${later.toFixed(3)} s, median of 5`);
  console.log(`runtime alone    ${baseline.toFixed(3)} s, median of 5`);
}

const cache = await Deno.makeTempDir();
try {
  await measure(Deno.args[0] ?? fileURLToPath(new URL("../fedx", import.meta.url)), cache);
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  Deno.exitCode = 1;
} finally {
  await Deno.remove(cache, { recursive: true });
}
