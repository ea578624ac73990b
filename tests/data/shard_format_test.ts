import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { decodeFacts, encodeFacts, impossibleFacts } from "../../src/data/facts_file.ts";
import { shardDigest } from "../../src/data/manifest.ts";
import { PatientIds } from "../../src/data/patient_ids.ts";
import { Shard } from "../../src/data/shard.ts";
import type { ShardRow } from "../../src/data/shard_writer.ts";
import { inFolder } from "../testing/folder.ts";
import { asVersion1 } from "../testing/older_shard.ts";
import { facts, rows, SIDE, unknownFindings } from "../testing/random_shard.ts";
import { seeded } from "../testing/random.ts";
import { withHospital } from "../testing/small_hospital.ts";
import { writeShard } from "../testing/write_shard.ts";

const ABOUT = { size: SIDE, kernel: "lanczos3", salt: "fedx-1" };
const IDS = new PatientIds(new Uint8Array(32).fill(7));

/** The films that the digests below were taken of, by fedx before there was a version 2. */
function films(): ShardRow[] {
  const random = seeded(1);
  return Array.from({ length: 40 }, (_, i) => ({
    pixels: Uint8Array.from({ length: SIDE * SIDE }, () => 256 * random()),
    label: i % 3 === 0 ? 0 : 1 << (i % 15),
    patient: `p${i >> 1}`,
    split: (["train", "train", "val", "test"] as const)[(i >> 1) % 4],
    name: `film ${i}.png`,
  }));
}

Deno.test("encodeFacts: every fact comes back; ages beyond 89 and broken ones are refused, without the number", () => {
  fc.assert(fc.property(fc.array(facts, { maxLength: 9 }), (all) => {
    const bytes = Uint8Array.from(all.flatMap((one) => [...encodeFacts(one)]));
    assertEquals(impossibleFacts(bytes), undefined);
    assertEquals(all.map((_, row) => decodeFacts(bytes, row)), all);
  }));
  assertEquals([...encodeFacts({})], [255, 0, 0]);
  assertEquals([...encodeFacts({ age: 89, sex: "female", view: "AP" })], [89, 1, 2]);
  for (const age of [90, -1, 41.5, NaN]) {
    const error = (() => {
      try {
        return encodeFacts({ age });
      } catch (error) {
        return error as Error;
      }
    })();
    assert(error instanceof RangeError && !error.message.includes(String(age)), String(age));
  }
});

Deno.test("Shard: any films come back with their findings and facts, and each patient by the HMAC of the id", () =>
  inFolder(async (dir) => {
    let n = 0;
    await fc.assert(
      fc.asyncProperty(rows, async (films) => {
        const at = `${dir}/${n++}`;
        const about = { ...ABOUT, ids: IDS, unknownFindings: unknownFindings(films) };
        await writeShard(at, { ...about, rows: films });
        const shard = await Shard.open(at, { verify: true });
        assertEquals([shard.manifest.version, shard.manifest.site], [2, IDS.site]);
        const hashes = (await shard.patientHashes())!;
        for (const [row, film] of films.entries()) {
          assertEquals(shard.facts(row), film.facts!);
          assertEquals(shard.findings.othersOf(row), film.others!.toSorted());
          assertEquals(hashes[shard.patients[row]], IDS.hash(film.patient));
        }
        assertEquals(hashes.length, new Set(films.map(({ patient }) => patient)).size);
        const raw = films.filter(({ patient }) => patient.length > 6);
        const bytes = await Promise.all(
          ["manifest.json", "patient.hmac", "names.txt"].map((name) => Deno.readFile(`${at}/${name}`)),
        );
        for (const { patient } of raw) {
          assert(
            !bytes.some((file) => new TextDecoder().decode(file).includes(patient)),
            "a raw id in a file",
          );
        }
      }),
      { numRuns: 40 },
    );
  }));

Deno.test("ShardManifest.digest: as fedx gave it before version 2; secret, names and facts do not enter it", () =>
  inFolder(async (dir) => {
    const before = "de51590b2b488fb4325475cb227fbc83860f2a6d60478e7c39cfd6ec1773b43e";
    const write = async (name: string, change: Partial<ShardRow>, ids?: PatientIds) => {
      const all = films().map((film) => ({ ...film, ...change }));
      return (await writeShard(`${dir}/${name}`, { ...ABOUT, ids, rows: all })).digest;
    };
    assertEquals(await write("a", {}), before);
    assertEquals(await write("b", { facts: { age: 3, sex: "male" } }, IDS), before);
    assertEquals(await write("c", { name: "DOE^JANE.png" }, IDS), before);
  }));

Deno.test("prepareShard: the split is drawn by raw id and salt as before version 2, whatever the secret", () =>
  withHospital(60, async ({ dir, lines, prepare }) => {
    lines.forEach((line, i) => lines[i] = line.split(",").slice(0, 3).join(","));
    for (const site of ["one", "two"]) {
      const { digest } = await prepare({ force: true, site: `${dir}/${site}` });
      assertEquals(digest, "a8a73df4de427d321bf93d1e189a069c886b05a9bce02a9dd89e1a295e1a14d9");
    }
  }));

Deno.test("Shard.open: a shard of version 1 opens as before, and knows neither patients' ids nor facts", () =>
  inFolder(async (dir) => {
    const { digest } = await writeShard(`${dir}/s`, { ...ABOUT, rows: films() });
    await asVersion1(`${dir}/s`);
    const shard = await Shard.open(`${dir}/s`, { verify: true });
    assertEquals([shard.manifest.version, shard.manifest.digest, shard.facts(3)], [1, digest, {}]);
    assertEquals(await shard.patientHashes(), null);
  }));

/** Puts other bytes in place of a file's, and their digest into the manifest. */
async function replace(dir: string, name: string, change: (bytes: Uint8Array) => Uint8Array): Promise<void> {
  const bytes = new Uint8Array(change(await Deno.readFile(`${dir}/${name}`)));
  await Deno.writeFile(`${dir}/${name}`, bytes);
  const manifest = JSON.parse(await Deno.readTextFile(`${dir}/manifest.json`));
  const hash = await crypto.subtle.digest("SHA-256", bytes);
  manifest.files[name] = {
    ...manifest.files[name],
    bytes: bytes.length,
    sha256: new Uint8Array(hash).toHex(),
  };
  await Deno.writeTextFile(`${dir}/manifest.json`, JSON.stringify(manifest));
}

Deno.test("Shard.open: damaged, missing and contradicting files of version 2 are refused by name", async (t) => {
  const damage = (name: string, work: (dir: string) => Promise<void>, text: string, verify = false) =>
    t.step(name, () =>
      inFolder(async (parent) => {
        const dir = `${parent}/s`;
        await writeShard(dir, { ...ABOUT, rows: films() });
        await work(dir);
        await assertRejects(() => Shard.open(dir, { verify }), Error, text);
      }));
  await damage("no facts", (dir) => Deno.remove(`${dir}/facts.u8`), "expected facts.u8 in it, got none");
  await damage(
    "short",
    (dir) => Deno.truncate(`${dir}/patient.hmac`, 630),
    "640 bytes in patient.hmac, got 630",
  );
  for (const name of ["patient.hmac", "facts.u8"]) {
    const flip = async (dir: string) => {
      const bytes = await Deno.readFile(`${dir}/${name}`);
      await Deno.writeFile(`${dir}/${name}`, bytes.with(1, bytes[1] ^ 1));
    };
    await damage(`flipped ${name}`, flip, `manifest.json names for ${name}, got another`, true);
    const cut = (dir: string) => replace(dir, name, (bytes) => bytes.subarray(1));
    await damage(`cut ${name}, manifest too`, cut, `a wrong files.${name}`);
  }
  for (const [byte, value] of [[3, 90], [3, 254], [4, 3], [5, 3]]) {
    const odd = (dir: string) => replace(dir, "facts.u8", (bytes) => bytes.with(byte, value));
    await damage(`fact ${byte} = ${value}`, odd, "sexes and views in facts.u8, got something else in row 1");
  }
  const edit = (from: string, to: string) => async (dir: string) => {
    const text = await Deno.readTextFile(`${dir}/manifest.json`);
    await Deno.writeTextFile(`${dir}/manifest.json`, text.replace(from, to));
  };
  await damage("no site", edit(`"site"`, `"sight"`), "a wrong site");
  await damage("version 3", edit(`"version": 2`, `"version": 3`), "expected manifest version 1 or 2, got 3");
  await damage("evaluation", edit(`"site"`, `"evaluation": 1, "site"`), "a wrong evaluation");
});

Deno.test("Shard.patientHashes: the same patient under two numbers is damage", () =>
  inFolder(async (dir) => {
    await writeShard(`${dir}/s`, { ...ABOUT, rows: films() });
    await replace(`${dir}/s`, "patient.hmac", (bytes) => bytes.slice().fill(9));
    const shard = await Shard.open(`${dir}/s`, { verify: true });
    await assertRejects(() => shard.patientHashes(), SyntaxError, "each patient once in patient.hmac");
  }));

Deno.test("Shard.open: patients' numbers in another order than that of appearance are damage", () =>
  inFolder(async (dir) => {
    const write = async (patients: number[]) => {
      const at = `${dir}/${patients.join("-")}`;
      const all = films().slice(0, 2).map((film, i) => ({
        ...film,
        split: "train" as const,
        patient: `${i}`,
      }));
      const { digest: _, ...manifest } = await writeShard(at, { ...ABOUT, rows: all });
      const bytes = new Uint8Array(Uint32Array.from(patients).buffer);
      await Deno.writeFile(`${at}/patient.u32`, bytes);
      const hash = await crypto.subtle.digest("SHA-256", bytes);
      manifest.files["patient.u32"].sha256 = new Uint8Array(hash).toHex();
      const text = JSON.stringify({ ...manifest, digest: shardDigest(manifest) });
      await Deno.writeTextFile(`${at}/manifest.json`, text);
      return await Shard.open(at, { verify: true });
    };
    await write([0, 1]);
    for (const wrong of [[1, 0], [0, 2]]) {
      await assertRejects(() => write(wrong), RangeError, "as the next new one, got number");
    }
  }));
