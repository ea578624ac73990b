/**
 * Takes patients out of a shard: the films that stay become a shard beside it, which then takes its place.
 *
 * Why a whole new shard and no deletion in place: killed at any moment there is the old one or the new one, and no byte
 * of the forgotten is left in a gap. Which shards this one was before stays known, since runs may have used any of them.
 */

import { named, syncFolder } from "../files/durable.ts";
import { isTaken } from "../files/exists.ts";
import { obstacleTo } from "../files/obstacle.ts";
import { defaultSite } from "../files/site_folder.ts";
import { refusal } from "../refusal.ts";
import { missingClass } from "./classes.ts";
import { countSplits, patientsOf, type ShardManifest, SPLITS } from "./manifest.ts";
import { PatientIds } from "./patient_ids.ts";
import { Shard } from "./shard.ts";
import { ShardWriter } from "./shard_writer.ts";
import { Target } from "./target.ts";

/** Whom to take out, and of what. */
export interface ForgetOptions {
  /** Folder of the shard. */
  shard: string;
  /** Raw ids, as the hospital's table had them. */
  ids: readonly string[];
  /** The site folder that the shard was prepared with. @default defaultSite() */
  site?: string;
  /** Films looked at, of all. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
  /** Awaited at named moments. @default none */
  faultPoint?: (name: string) => void | Promise<void>;
}

/** What came of it. */
export interface ForgetResult {
  /** Taken out. */
  films: number;
  patients: number;
  /** Ids of nobody in the shard. */
  unknown: number;
  /** Films and patients that stay. */
  left: { films: number; patients: number };
  /** Digest of the shard as it is now. */
  digest: string;
  /** Digests of the shards that it was before, the first one first. */
  before: string[];
  /** It is for evaluation only. */
  evaluation: boolean;
  /** What made it so this time, in words; null = nothing. */
  lacks: string | null;
  /** The list of rows that `prepare` left out, which may name files of these patients; null = there is none. */
  quarantine: string | null;
}

/**
 * Takes the films of the patients with these ids out of the shard. Ids that are not in it are counted; when no id is,
 * the shard stays as it is.
 *
 * @throws {Error} the shard is damaged, of version 1 or of another site folder, nobody would be left, an unfinished
 * `prepare` of it holds films beside it, or the new one cannot be written; the shard is as it was then
 */
export async function forgetPatients(options: ForgetOptions): Promise<ForgetResult> {
  const { shard: dir, signal } = options;
  if (!await Target.isThere(dir)) await Shard.open(dir);
  await using target = await Target.claim(dir, { force: true, sources: {}, flag: "--shard" });
  await checkNoneStaged(target, dir);
  const shard = await Shard.open(dir, { verify: true, signal });
  const hashes = await hashesOf(shard);
  const wanted = await wantedHashes(shard, options);
  const gone = new Set(hashes.flatMap((hash, patient) => wanted.has(hash) ? [patient] : []));
  const quarantine = await isTaken(target.quarantine) ? target.quarantine : null;
  const unknown = wanted.size - gone.size;
  if (gone.size === 0) return resultOf(shard.manifest, { shard, unknown, lacks: null, quarantine });
  const made = await writeRest(target, { ...options, shard, hashes, gone }).catch((error) => {
    throw named(error, target.folder);
  });
  const { mode } = await Deno.stat(dir);
  await Deno.chmod(target.dir, mode! & 0o777); // who may read the old one, and nobody else
  await options.faultPoint?.("written");
  await target.place(options.faultPoint);
  await removeOld(target, dir);
  return resultOf(made.manifest, { shard, unknown, lacks: made.lacks, quarantine });
}

/** @throws {Error} a `prepare` that was stopped left decoded films, maybe of these patients */
async function checkNoneStaged(target: Target, dir: string): Promise<void> {
  if (!(await isTaken(target.journal) && await isTaken(`${target.dir}/images.u8`))) return;
  throw refusal(Error, {
    what: `Cannot take patients out of ${dir}`,
    expected: "no unfinished `fedx prepare` of it",
    got: `decoded films in ${target.folder}`,
    remedy: "let that `fedx prepare` come to its end first, or remove that folder",
  });
}

/** HMACs of all patients' ids by their numbers, as hex. */
async function hashesOf(shard: Shard): Promise<string[]> {
  const hashes = await shard.patientHashes();
  if (hashes !== null) return hashes.map((hash) => hash.toHex());
  throw refusal(Error, {
    what: `Cannot take patients out of ${shard.dir}`,
    expected: "a shard of version 2, which tells patients apart",
    got: "version 1, of an older fedx",
    remedy: "prepare it again with `fedx prepare --force`, from a table without those patients",
  });
}

/** What the shard would hold for the ids. @throws {Error} for another secret than the shard's */
async function wantedHashes(shard: Shard, { ids, site }: ForgetOptions): Promise<Set<string>> {
  const folder = site ?? defaultSite();
  const own = await PatientIds.open(folder, { make: false });
  if (own.site === shard.manifest.site) return new Set(ids.map((id) => own.hash(id).toHex()));
  throw refusal(Error, {
    what: `Cannot take patients out of ${shard.dir}`,
    expected: "the site folder that it was prepared with",
    got: `another secret in ${folder}`,
    remedy: "name that folder with --site; where its secret is lost, prepare the shard again from a table " +
      "without those patients",
  });
}

/** Writes the shard of the patients who stay. */
async function writeRest(
  target: Target,
  options: Omit<ForgetOptions, "shard"> & {
    shard: Shard;
    hashes: readonly string[];
    gone: ReadonlySet<number>;
  },
): Promise<{ manifest: ShardManifest; lacks: string | null }> {
  const { shard, hashes, gone, signal, onProgress, faultPoint } = options;
  const { manifest, size, labels, patients, splits } = shard;
  const stay = Array.from({ length: shard.count }, (_, row) => row).filter((row) => !gone.has(patients[row]));
  if (stay.length === 0) throw nobodyLeft(shard.dir, target);
  const counts = countSplits({
    labels: Uint16Array.from(stay, (row) => labels[row]),
    patients: Uint32Array.from(stay, (row) => patients[row]),
    splits: Uint8Array.from(stay, (row) => splits[row]),
  });
  const missing = manifest.evaluation ? undefined : missingClass((split) => counts[split]);
  const others = (row: number) => shard.findings.othersOf(row) ?? [];
  const named = new Set(stay.flatMap(others));
  using writer = await ShardWriter.create(target.dir, {
    ...manifest,
    unknownFindings: manifest.unknownFindings.filter((name) => named.has(name)),
    ids: { site: manifest.site!, hash: (hex) => Uint8Array.fromHex(hex) },
    evaluation: manifest.evaluation || missing !== undefined,
    before: [...manifest.before ?? [], manifest.digest],
  });
  const names = await shard.names();
  for await (const { first, pixels } of shard.pixelBlocks()) {
    signal?.throwIfAborted();
    for (let row = first; (row - first) * size * size < pixels.length; row++) {
      const { [row]: patient } = patients;
      if (gone.has(patient)) continue;
      const at = (row - first) * size * size;
      await writer.append({
        pixels: pixels.subarray(at, at + size * size),
        label: labels[row],
        others: others(row),
        patient: hashes[patient],
        split: SPLITS[splits[row]],
        name: names[row],
        facts: shard.facts(row),
      });
    }
    onProgress?.(Math.min(shard.count, first + pixels.length / (size * size)), shard.count);
    await faultPoint?.("block");
  }
  const lacks = missing === undefined ? null : `expected ${missing.expected}, got ${missing.got}`;
  return { manifest: await writer.finish(), lacks };
}

function nobodyLeft(dir: string, { quarantine }: Target): Error {
  return refusal(Error, {
    what: `Cannot take patients out of ${dir}`,
    expected: "patients who stay",
    got: "the ids of all of them",
    remedy: `remove the whole folder ${dir}, and ${quarantine} where there is one`,
  });
}

/** @throws {Error} when the old shard, with the films of the forgotten, is still there */
async function removeOld(target: Target, dir: string): Promise<void> {
  try {
    await target.removeOld();
    await syncFolder(target.folder);
  } catch (cause) {
    const { got, remedy } = obstacleTo(target.folder, cause) ??
      { got: String(cause), remedy: "look at that" };
    throw refusal(Error, {
      what: `Cannot remove the old shard of ${dir} from ${target.folder}, whose place the new one has taken`,
      expected: "nothing of it to be left",
      got,
      remedy: `${remedy}; then remove that folder`,
    }, { cause });
  }
}

function resultOf(
  manifest: ShardManifest,
  o: { shard: Shard } & Pick<ForgetResult, "unknown" | "lacks" | "quarantine">,
): ForgetResult {
  const { count, digest, before = [], evaluation = false } = manifest;
  const { manifest: old } = o.shard;
  const patients = patientsOf(manifest);
  return {
    films: old.count - count,
    patients: patientsOf(old) - patients,
    unknown: o.unknown,
    left: { films: count, patients },
    digest,
    before,
    evaluation,
    lacks: o.lacks,
    quarantine: o.quarantine,
  };
}
