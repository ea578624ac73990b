import { forgetPatients, type ForgetResult } from "../../data/forget.ts";
import { decodeText } from "../../data/tables/csv_table.ts";
import { type ShardUse, shardUses } from "../../fed/silo/shard_uses.ts";
import { exists } from "../../files/exists.ts";
import { obstacleTo } from "../../files/obstacle.ts";
import { plural } from "../../plural.ts";
import { refusal } from "../../refusal.ts";
import type { Context } from "../context.ts";
import type { forget } from "../options/table/forget.ts";

/** Where `train` keeps its states where no option says else. */
const STATES = "fedx-state";

/** Takes patients out of a shard. */
export async function run({ values, output, signal, faultPoint }: Context<typeof forget>): Promise<void> {
  if (values.ids === "-" && Deno.stdin.isTerminal()) output.line("patients' ids, one a line, then Ctrl-D:");
  const ids = await readIds(values.ids);
  const states = values.state ?? (await exists(STATES) ? [STATES] : []);
  await shardUses(states, []); // a folder that is not there is told before anything is done
  const result = await forgetPatients({
    ids,
    shard: values.shard,
    site: values.site,
    onProgress: (done, total) => output.progress("forget", done, total),
    signal,
    faultPoint,
  });
  output.clear();
  const runs = await shardUses(states, result.before);
  output.result(
    { ...result, shard: values.shard, runs },
    report(result, { shard: values.shard, states, runs }),
  );
}

/** @throws {Error} when there is no id, or the file cannot be read */
async function readIds(path: string): Promise<string[]> {
  const name = path === "-" ? "standard input" : path;
  const bytes = await readBytes(path).catch((cause) => {
    const none = { got: "none", remedy: "name a file with --ids, or - for standard input" };
    const found = obstacleTo(path, cause) ?? none;
    throw refusal(Error, { what: `Cannot read ids ${name}`, expected: "a text file", ...found }, { cause });
  });
  const ids = decodeText(bytes, name).split(/\r\n|\r|\n/).map((line) => line.trim()).filter((id) =>
    id !== ""
  );
  if (ids.length > 0) return ids;
  throw refusal(Error, {
    what: `Cannot read ids from ${name}`,
    expected: "patients' ids, one a line",
    got: "none",
    remedy: "write them there as they stand in the labels file",
  });
}

async function readBytes(path: string): Promise<Uint8Array> {
  return path === "-" ? await new Response(Deno.stdin.readable).bytes() : await Deno.readFile(path);
}

function report(
  result: ForgetResult,
  o: { shard: string; states: readonly string[]; runs: readonly ShardUse[] },
): string {
  const { films, patients, unknown, left, evaluation, lacks, quarantine, digest, before } = result;
  const strange = unknown === 0 ? [] : [`${plural(unknown, "id")} of nobody in ${o.shard}`];
  const stay = `${plural(left.films, "film")} of ${plural(left.patients, "patient")}`;
  const found = films === 0 ? [`nobody taken out: ${o.shard} stays as it is, ${stay}`] : [
    `taken out of ${o.shard}: ${plural(films, "film")} of ${plural(patients, "patient")}; ${stay} stay`,
    `digest: ${digest.slice(0, 12)}…, was ${before.at(-1)!.slice(0, 12)}…`,
  ];
  return [
    ...found,
    ...strange,
    ...lacks === null ? [] : [`it is for evaluation only now: ${lacks}`],
    ...lacks === null && evaluation ? ["it is for evaluation only"] : [],
    ...before.length === 0 ? [] : used(o),
    ...films === 0 ? [] : [
      ...quarantine === null
        ? []
        : [`${quarantine} names files of rows left out, maybe of these patients too`],
      "images and labels file are as they were: `fedx prepare` from them would take these patients again",
    ],
  ].join("\n");
}

/** What is known of runs with the shard before patients were taken out. */
function used({ states, runs }: { states: readonly string[]; runs: readonly ShardUse[] }): string[] {
  const looked = states.length === 0
    ? `there is no ${STATES} here: name state folders with --state`
    : states.join(", ");
  if (runs.length === 0) return [`no run found that used the shard as it was (${looked})`];
  const going = runs.some(({ run, finished }) => run !== null && !finished);
  return [
    ...runs.map(useText),
    ...going ? ["a run that goes on refuses the shard as it is now: begin another with --new"] : [],
  ];
}

function useText({ run, silo, state, rounds, latest, running }: ShardUse): string {
  if (run === null) return `silo ${silo} (${state}): it does not say which shard it used`;
  const who = `run ${run.slice(0, 12)} of silo ${silo}`;
  const now = running ? "; it runs now, and keeps those films in memory until it ends" : "";
  if (rounds === 0) return `${who} joined with it, and has no round yet (${state})${now}`;
  const which = rounds === latest
    ? latest === 1 ? "round 1" : `rounds 1 to ${latest}`
    : `${plural(rounds, "round")}, the last one round ${latest}`;
  return `${who} trained with it: ${which} (${state})${now}`;
}
