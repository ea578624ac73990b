/**
 * What a shard holds of patients beside pixels and labels, such that it would be known again anywhere, and the search
 * for any of it in what a silo sent.
 */
import { createHash } from "node:crypto";
import { assertEquals } from "@std/assert";
import { type FilmFacts, OLDEST } from "../../src/data/film_facts.ts";
import { Shard, SPLITS } from "../../src/data/shard.ts";
import type { ShardRow } from "../../src/data/shard_writer.ts";
import { writeShard } from "../testing/write_shard.ts";
import { words } from "../../src/model/philox.ts";

/** Numbers that no other shard has. */
const drawn = (silo: string, row: number) =>
  words({ seed: silo.charCodeAt(0), silo: 0 }, { purpose: 99, position: row }, 4);

/** The film's file as a hospital may have called it: by its patient's name and its SOP Instance UID. */
const nameOf = ([a, b, c]: Uint32Array) => `DOE-${a}^JANE/1.2.826.0.1.3680043.8.498.${b}.${c}.dcm`;

function factsOf([age, sex, view]: Uint32Array): FilmFacts {
  return { age: age % (OLDEST + 1), sex: sex % 2 ? "male" : "female", view: view % 2 ? "AP" : "PA" };
}

/** Gives every film of `dir`/shard-SILO a name, a UID and facts; the digest stays. */
export async function fillShard(dir: string, silo: string): Promise<void> {
  const shard = await Shard.open(`${dir}/shard-${silo}`);
  const { manifest, size } = shard;
  const hashes = (await shard.patientHashes())!.map((hash) => hash.toHex());
  const rows: ShardRow[] = [];
  for await (const { first, pixels } of shard.pixelBlocks()) {
    for (let at = 0; at < pixels.length; at += size * size) {
      const row = first + at / (size * size);
      const numbers = drawn(silo, row);
      rows.push({
        pixels: pixels.subarray(at, at + size * size),
        label: shard.labels[row],
        patient: hashes[shard.patients[row]],
        split: SPLITS[shard.splits[row]],
        name: nameOf(numbers),
        facts: factsOf(numbers),
      });
    }
  }
  const ids = { site: manifest.site!, hash: (hex: string) => Uint8Array.fromHex(hex) };
  const { digest } = await writeShard(`${dir}/filled`, { ...manifest, ids, rows });
  assertEquals(digest, manifest.digest);
  await Deno.remove(shard.dir, { recursive: true });
  await Deno.rename(`${dir}/filled`, shard.dir);
}

/** A run of bytes that must stay in the hospital, and what it is. */
export interface Private {
  what: string;
  bytes: Uint8Array;
}

/** Everything private of `dir`/shard-SILO and its site folder, in each way in which it could be written. */
export async function privateOf(dir: string, silo: string): Promise<Private[]> {
  const at = `${dir}/shard-${silo}`;
  const shard = await Shard.open(at);
  const found: Private[] = [];
  const text = (what: string, ...texts: string[]) => {
    for (const one of texts) found.push({ what, bytes: new TextEncoder().encode(one) });
  };
  const raw = (what: string, bytes: Uint8Array) => {
    found.push({ what, bytes });
    const hex = bytes.toHex(), base64 = bytes.toBase64({ omitPadding: true });
    text(what, hex, hex.toUpperCase(), base64, bytes.toBase64({ alphabet: "base64url", omitPadding: true }));
  };
  for (const hash of (await shard.patientHashes())!) raw("hash of a patient's id", hash);
  raw("secret of the site", await Deno.readFile(`${dir}/site/patients.secret`));
  raw("mark of the site", Uint8Array.fromHex(shard.manifest.site!));
  for (const name of ["patient.hmac", "facts.u8", "names.txt"]) {
    const digest = createHash("sha256").update(await Deno.readFile(`${at}/${name}`)).digest();
    raw(`digest of ${name}`, new Uint8Array(digest));
  }
  const [, ...lines] = (await Deno.readTextFile(`${dir}/films-${silo}/labels.csv`)).trim().split("\n");
  text("patient's id", ...new Set(lines.map((line) => line.split(",")[2])));
  for (const name of await shard.names()) {
    const [person, uid] = name.replace(/\.dcm$/, "").split("/");
    text("name", person, person.split("^")[0]);
    text("UID", uid, uid.split(".").slice(-2).join("."));
  }
  const facts = await Deno.readFile(`${at}/facts.u8`);
  const ages = Array.from({ length: shard.count }, (_, row) => shard.facts(row).age!);
  for (let row = 0; row + 8 <= shard.count; row++) {
    found.push({ what: "facts", bytes: facts.subarray(row * 3, (row + 8) * 3) });
    const some = ages.slice(row, row + 8);
    found.push({ what: "ages", bytes: Uint8Array.from(some) });
    text("ages", some.join(","), some.join(", "));
  }
  return found;
}

/** Which of the runs of bytes, each of 3 or more, stand anywhere in `said`; in one pass, since it is tens of MB. */
export function leaked(said: Uint8Array, secrets: readonly Private[]): string[] {
  const byStart = new Map<number, Private[]>();
  const starts = new Uint8Array(1 << 24);
  const keyAt = (bytes: Uint8Array, at: number) => bytes[at] << 16 | bytes[at + 1] << 8 | bytes[at + 2];
  for (const secret of secrets) {
    const key = keyAt(secret.bytes, 0);
    starts[key] = 1;
    byStart.set(key, [...byStart.get(key) ?? [], secret]);
  }
  const found = new Set<string>();
  for (let at = 0; at + 3 <= said.length; at++) {
    const key = keyAt(said, at);
    if (starts[key] === 0) continue;
    for (const { what, bytes } of byStart.get(key)!) {
      if (bytes.every((byte, i) => said[at + i] === byte)) found.add(what);
    }
  }
  return [...found];
}
