/** Three hospitals' radiographs, where they lie beside the repository, and a federated run over them as processes. */
import { fileURLToPath } from "node:url";
import { freePort } from "./free_port.ts";
import { SILOS } from "./hospitals.ts";
import { objectOf, runJson, start } from "./program.ts";

/** The folder of silo-a, silo-b and silo-c. */
export const KERMANY = fileURLToPath(new URL("../../../shared/data/kermany/", import.meta.url));

/** Whether they are here; prints that tests are skipped where not. */
export async function kermanyIsHere(): Promise<boolean> {
  const here = await Deno.stat(`${KERMANY}silo-c/labels.csv`).then(() => true, () => false);
  if (!here) console.log("skipped: ../shared/data is not here");
  return here;
}

/** What a run is given: the names of its shards are `shards`-a and so on in `dir`, where the certificates lie too. */
export interface RunOptions {
  dir: string;
  shards: string;
  state: string;
  rounds: number;
  seed?: number;
  /** More options of the aggregator. */
  options?: readonly string[];
}

/** One pass a round from the ImageNet start, one thread a hospital. @returns the folder of the aggregator's models, below `dir` */
export async function federate(
  { dir, shards, state, rounds, seed = 0, options = [] }: RunOptions,
): Promise<string> {
  const address = `127.0.0.1:${freePort()}`;
  const hub = await start([
    ...["aggregate", "--silos", SILOS.join(","), "--listen", address, "--tls", "tls-hub"],
    ...["--state", `${state}/hub`, "--rounds", `${rounds}`, "--size", "64", "--init", "imagenet"],
    ...["--seed", `${seed}`, "--json", ...options],
  ], { cwd: dir });
  const silos = await Promise.all(SILOS.map((silo) => {
    const who = ["--silo", silo, "--server", `https://${address}`, "--tls", `tls-${silo}`];
    const what = [
      "--shard",
      `${shards}-${silo}`,
      "--state",
      `${state}/${silo}`,
      "--site",
      `${state}/site-${silo}`,
    ];
    return start(["train", ...who, ...what, "--threads", "1", "--device", "cpu", "--json"], { cwd: dir });
  }));
  for (const { finished } of [hub, ...silos]) objectOf(await finished, "aggregate or train");
  return `${state}/hub`;
}

/** The mean of the hospitals' AUROC values over their own test films. */
export async function meanAuroc(
  model: string,
  { dir, shards }: Pick<RunOptions, "dir" | "shards">,
): Promise<number> {
  const scored = await Promise.all(SILOS.map((silo) => {
    const args = ["--model", model, "--shard", `${shards}-${silo}`, "--device", "cpu"];
    return runJson(["evaluate", ...args], { cwd: dir });
  }));
  return scored.reduce((sum, { auroc }) => sum + (auroc as number), 0) / scored.length;
}
