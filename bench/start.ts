/**
 * How large is the one file, and how long does it take to start?
 *
 *     npx -y deno@2.9.3 run -A bench/start.ts [FEDX]
 *
 * FEDX is what `task compile` made, ./fedx until a task that runs from source takes its place. First start: with an
 * empty cache, so it unpacks, hashes and syncs every part. Later starts: `--version`, median of 5. Baseline: the
 * carried runtime with a program of one line, median of 5.
 */
import { fileURLToPath } from "node:url";
import { median } from "../src/fed/maths/median.ts";

const fedx = await Deno.realPath(Deno.args[0] ?? fileURLToPath(new URL("../fedx", import.meta.url)));
const cache = await Deno.makeTempDir();

/** Seconds of one run with the empty cache folder of this bench. */
async function seconds(command: string, args: string[]): Promise<number> {
  const start = performance.now();
  const env = { XDG_CACHE_HOME: cache, DENO_NO_UPDATE_CHECK: "1", DENO_DIR: `${cache}/deno` };
  const { success } = await new Deno.Command(command, { args, env, stdout: "null" }).output();
  if (!success) throw new Error(`Cannot measure: ${command} ${args.join(" ")} failed`);
  return (performance.now() - start) / 1000;
}

async function medianSeconds(command: string, args: string[]): Promise<number> {
  const runs: number[] = [];
  for (let i = 0; i < 5; i++) runs.push(await seconds(command, args));
  return median(runs);
}

try {
  const first = await seconds(fedx, ["--version"]);
  const unpacked = new Deno.Command(fedx, { args: ["--unpack"], env: { XDG_CACHE_HOME: cache } });
  const runtime = `${new TextDecoder().decode((await unpacked.output()).stdout).trim()}/fedx-runtime`;
  await Deno.writeTextFile(`${cache}/one.js`, "console.log(1)");
  const bare = ["run", "--quiet", "--no-config", "--no-lock", `${cache}/one.js`];
  const baseline = await medianSeconds(runtime, bare);
  const later = await medianSeconds(fedx, ["--version"]);
  console.log(`size             ${((await Deno.stat(fedx)).size / 1e6).toFixed(1)} MB`);
  console.log(`first start      ${first.toFixed(2)} s`);
  console.log(`later starts     ${later.toFixed(3)} s, median of 5`);
  console.log(`runtime alone    ${baseline.toFixed(3)} s, median of 5`);
} finally {
  await Deno.remove(cache, { recursive: true });
}
