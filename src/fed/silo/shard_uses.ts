/**
 * Which runs a shard was used in, as the state folders of silos tell.
 *
 * Why the states and no ledger: a silo notes there anyway what it joined with, and a run that was set aside by `--new`
 * keeps its folder.
 */
import { exists } from "../../files/exists.ts";
import { refusal } from "../../refusal.ts";
import { type Look, lookInto } from "../state/look.ts";
import type { Joined, Tally } from "./state.ts";

/** A run in which a silo trained. */
export interface ShardUse {
  /** The silo's state folder. */
  state: string;
  silo: string;
  /** Null: the state does not say which run it was, nor with which shard; it may have been this one. */
  run: string | null;
  /** Rounds with an update of the silo's, and the latest of them; 0 for none. */
  rounds: number;
  latest: number;
  /** A process has the state: it trains with the shard as it was when that process began. */
  running: boolean;
  finished: boolean;
}

/**
 * Looks through state folders, and the folders directly in those that are none themselves; aggregators' are passed over.
 *
 * @param digests of the shard, and of what it was before
 * @throws {Error} a folder of `states` is not there · {ProtocolError} `damaged_state`
 */
export async function shardUses(
  states: readonly string[],
  digests: readonly string[],
): Promise<ShardUse[]> {
  const folders = (await Promise.all(states.map(stateFolders))).flat();
  const uses = await Promise.all(folders.map(async (state) => {
    const look = await lookInto(state, ["joined", "tally", "result"]);
    return look === null ? [] : useOf(state, look, digests);
  }));
  return uses.flat();
}

async function stateFolders(dir: string): Promise<string[]> {
  if (await exists(`${dir}/run.sqlite`)) return [dir];
  const inside: string[] = [];
  try {
    for await (const { name } of Deno.readDir(dir)) {
      if (await exists(`${dir}/${name}/run.sqlite`)) inside.push(`${dir}/${name}`);
    }
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.NotADirectory)) throw cause;
    throw refusal(Error, {
      what: `Cannot look into the state folder ${dir}`,
      expected: "a silo's state folder, or one with such folders in it",
      got: "none",
      remedy: "name it as `fedx train --state` did",
    }, { cause });
  }
  return inside.sort();
}

function useOf(state: string, { role, running, values }: Look, digests: readonly string[]): ShardUse[] {
  const [, silo, other] = /^silo (\S+)( in Flower)?$/.exec(role ?? "") ?? [];
  const joined = values.joined as Joined | null;
  const said = joined?.shard;
  // A state of a run of Flower's, or of an older fedx, does not say which shard it was.
  const silent = other !== undefined || (joined !== null && said === undefined);
  if (silo === undefined || (!silent && (said === undefined || !digests.includes(said)))) return [];
  const { rounds, latest } = values.tally as Tally | null ?? { rounds: 0, latest: 0 };
  const run = silent ? null : joined!.run;
  return [{ state, silo, run, rounds, latest, running, finished: values.result !== null }];
}
