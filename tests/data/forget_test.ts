import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { type ForgetOptions, forgetPatients } from "../../src/data/forget.ts";
import { PatientIds } from "../../src/data/patient_ids.ts";
import { Shard } from "../../src/data/shard.ts";
import type { ShardRow } from "../../src/data/shard_writer.ts";
import { inFolder } from "../testing/folder.ts";
import { asVersion1 } from "../testing/older_shard.ts";
import { patientId, rows, SIDE, unknownFindings } from "../testing/random_shard.ts";
import { type Hospital, list, withHospital } from "../testing/small_hospital.ts";
import { writeShard } from "../testing/write_shard.ts";

const ABOUT = { size: SIDE, kernel: "lanczos3", salt: "fedx-1" };

/** Every file of a folder, and of those in it, by path. */
async function contents(dir: string, below = ""): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { name, isDirectory } of Deno.readDir(`${dir}/${below}`)) {
    const path = `${below}${name}`;
    if (isDirectory) Object.assign(found, await contents(dir, `${path}/`));
    else found[path] = (await Deno.readFile(`${dir}/${path}`)).toHex();
  }
  return found;
}

/** The hospital's shard, and what takes patients out of it. */
async function prepared({ dir, prepare }: Hospital, options: Parameters<Hospital["prepare"]>[0] = {}) {
  const { digest } = await prepare(options);
  const shard = `${dir}/out/shard`;
  const forget = (ids: string[], more: Partial<ForgetOptions> = {}) =>
    forgetPatients({ shard, ids, site: `${dir}/site`, ...more });
  return { shard, digest, forget };
}

Deno.test("forgetPatients: what is left is byte for byte the shard of the other patients alone", () =>
  inFolder(async (dir) => {
    const ids = await PatientIds.open(`${dir}/site`);
    const write = (dir: string, rows: ShardRow[]) =>
      writeShard(dir, { ...ABOUT, ids, unknownFindings: unknownFindings(rows), rows });
    let n = 0;
    const cases = fc.tuple(
      rows,
      fc.array(fc.nat(7), { maxLength: 4 }),
      fc.array(patientId, { maxLength: 2 }),
    );
    await fc.assert(
      fc.asyncProperty(cases, async ([films, picked, strange]) => {
        const [shard, other] = [`${dir}/${n}`, `${dir}/${n++}-other`];
        const patients = [...new Set(films.map(({ patient }) => patient))];
        const wanted = new Set([...picked.map((i) => patients[i % patients.length]), ...strange]);
        const stay = films.filter(({ patient }) => !wanted.has(patient));
        const { digest } = await write(shard, films);
        const forget = () => forgetPatients({ shard, ids: [...wanted], site: `${dir}/site` });
        if (stay.length === 0) return void await assertRejects(forget, Error, "got the ids of all of them");
        const { films: out, unknown, before } = await forget();
        const known = patients.filter((patient) => wanted.has(patient)).length;
        assertEquals([out, unknown], [films.length - stay.length, wanted.size - known]);
        await write(other, stay);
        const [{ "manifest.json": _, ...left }, { "manifest.json": __, ...made }] = [
          await contents(shard),
          await contents(other),
        ];
        assertEquals(left, made);
        const { manifest } = await Shard.open(shard, { verify: true });
        assertEquals(manifest.digest, (await Shard.open(other)).manifest.digest);
        assertEquals(before, out > 0 ? [digest] : []);
        assertEquals((await list(dir)).filter((name) => name.includes("partial")), []);
      }),
      { numRuns: 40 },
    );
  }));

Deno.test("forgetPatients: no pixel, name or hash of the forgotten is in any file of the shard or beside it", () =>
  withHospital(60, async (hospital) => {
    const { shard, digest, forget } = await prepared(hospital);
    const { dir } = hospital;
    const ids = await PatientIds.open(`${dir}/site`);
    const traces = (id: number) => [
      ...[2 * id, 2 * id + 1].flatMap((film) => [
        new TextEncoder().encode(`f${film}.png\n`).toHex(),
        new Uint8Array(8).fill(film).toHex(),
      ]),
      ids.hash(String(id)).toHex(),
    ];
    const found = async (id: number) => {
      const files = Object.values(await contents(`${dir}/out`));
      return traces(id).filter((trace) => files.some((file) => file.includes(trace))).length;
    };
    assertEquals([await found(7), await found(8), await found(20)], [5, 5, 5]);
    const result = await forget(["7", "20", "7", "999", " 8"]);
    assertEquals([result.films, result.patients, result.unknown], [4, 2, 2]);
    assertEquals([result.left, result.before, result.evaluation], [
      { films: 56, patients: 28 },
      [digest],
      false,
    ]);
    assertEquals([await found(7), await found(8), await found(20)], [0, 5, 0]);
    assertNotEquals(result.digest, digest);
    assertEquals((await Shard.open(shard, { verify: true })).manifest.digest, result.digest);
    assertEquals(await list(`${dir}/out`), ["shard"]);
  }));

Deno.test("forgetPatients: ids of nobody change nothing; what the shard was before stays known through all of it", () =>
  withHospital(60, async (hospital) => {
    const { shard, digest, forget } = await prepared(hospital);
    const old = await contents(shard);
    const none = await forget(["x", "y"]);
    assertEquals([none.films, none.unknown, none.digest, none.before], [0, 2, digest, []]);
    assertEquals(await contents(shard), old);
    const first = await forget(["7"]);
    const second = await forget(["20"]);
    assertEquals(second.before, [digest, first.digest]);
    assertEquals((await forget(["7", "20"])).before, second.before);
    const { sources, salt, negative } = (await Shard.open(shard)).manifest;
    assertEquals([sources.rows, salt, negative], [60, "fedx-1", undefined]);
  }));

Deno.test("forgetPatients: a name behind bit 14 goes with the last film that had it", () =>
  withHospital(60, async (hospital) => {
    hospital.lines[15] = hospital.lines[15].replace(/No Finding|Mass/, "Rare");
    const { shard, forget } = await prepared(hospital);
    assertEquals((await Shard.open(shard)).manifest.unknownFindings, ["Rare"]);
    await forget(["20"]);
    assertEquals((await Shard.open(shard)).manifest.unknownFindings, ["Rare"]);
    await forget(["7"]);
    assertEquals((await Shard.open(shard)).manifest.unknownFindings, []);
  }));

Deno.test("forgetPatients: a shard whose train or val loses a class becomes one for evaluation only, which stays one", () =>
  withHospital(60, async (hospital) => {
    const { shard, forget } = await prepared(hospital);
    const ill = ["9", "24"]; // of val, with Mass
    const { evaluation, lacks } = await forget(ill);
    assertEquals([evaluation, lacks], [
      true,
      "expected images with and without a finding in val, got 8 images, none with a finding",
    ]);
    assertEquals((await Shard.open(shard, { verify: true })).manifest.evaluation, true);
    const again = await forget(["7"]);
    assertEquals([again.evaluation, again.lacks], [true, null]);
  }));

Deno.test("forgetPatients: what it cannot do is refused with the remedy, and the shard stays as it is", async (t) => {
  const refuses = (
    name: string,
    text: string,
    work: (shard: string, dir: string) => Promise<unknown>,
    ids = ["7"],
  ) =>
    t.step(name, () =>
      withHospital(60, async (hospital) => {
        const { shard, forget } = await prepared(hospital);
        const site = await work(shard, hospital.dir);
        const old = await contents(`${hospital.dir}/out`);
        await assertRejects(() => forget(ids, typeof site === "string" ? { site } : {}), Error, text);
        assertEquals(await contents(`${hospital.dir}/out`), old);
      }));
  await refuses(
    "version 1",
    "got version 1, of an older fedx (remedy: prepare it again with",
    (shard) => asVersion1(shard),
  );
  const other = async (_: string, dir: string) => (await PatientIds.open(`${dir}/other`), `${dir}/other`);
  await refuses("another site", "prepared with, got another secret in", other);
  await refuses("no site", "expected patients.secret in it", (_, dir) => Promise.resolve(`${dir}/none`));
  const flip = async (shard: string) => {
    const bytes = await Deno.readFile(`${shard}/images.u8`);
    await Deno.writeFile(`${shard}/images.u8`, bytes.with(5, bytes[5] ^ 1));
  };
  await refuses("damaged", "for block 0 of images.u8, got another", flip);
  await refuses(
    "everybody",
    "expected patients who stay, got the ids of all of them (remedy: remove the whole folder",
    async () => {},
    Array.from({ length: 30 }, (_, i) => String(i)),
  );
  const notes = (shard: string) => Deno.writeTextFile(`${shard}/notes.txt`, "patient 7");
  await refuses("another file", "name another folder with --shard, or remove what is no part", notes);
  const staged = async (shard: string) => {
    await Deno.mkdir(`${shard}.partial/new`, { recursive: true });
    await Deno.writeTextFile(`${shard}.partial/new/images.u8`, "films");
    await Deno.writeTextFile(`${shard}.partial/journal`, "{}");
  };
  await refuses(
    "unfinished prepare",
    "expected no unfinished `fedx prepare` of it, got decoded films in",
    staged,
  );
});

Deno.test("forgetPatients: of a folder that is not there nothing is made; a prepare or forget at work is not disturbed", () =>
  withHospital(60, async (hospital) => {
    const { shard, forget } = await prepared(hospital);
    const { dir } = hospital;
    await assertRejects(
      () => forget(["7"], { shard: `${dir}/no/shard` }),
      Error,
      "a folder made by `fedx prepare`",
    );
    assertEquals((await list(dir)).includes("no"), false);
    let asked = 0;
    await forget(["7"], {
      faultPoint: async (name) => {
        if (name !== "written") return;
        asked++;
        await assertRejects(
          () => forget(["8"]),
          Error,
          "another `fedx prepare` is making it, or `fedx forget`",
        );
      },
    });
    assertEquals([asked, (await Shard.open(shard)).count], [1, 58]);
  }));

Deno.test("forgetPatients: stopped or failing before the swap leaves the old shard and nothing else", () =>
  withHospital(60, async (hospital) => {
    const { shard, digest, forget } = await prepared(hospital);
    const stop = new AbortController();
    const faultPoint = (name: string) => name === "written" ? Promise.reject(new Error("full")) : undefined;
    await assertRejects(() => forget(["7"], { faultPoint }), Error, "full");
    stop.abort();
    await assertRejects(() => forget(["7"], { signal: stop.signal }), DOMException);
    assertEquals((await Shard.open(shard, { verify: true })).manifest.digest, digest);
    assertEquals(await list(`${hospital.dir}/out`), ["shard"]);
  }));

Deno.test("forgetPatients: who may read the old shard may read the new one, and a link leads to it, killed or not", () =>
  withHospital(60, async (hospital) => {
    const { shard, forget } = await prepared(hospital);
    await Deno.chmod(shard, 0o700);
    const link = `${hospital.dir}/link`;
    await Deno.symlink("out/shard", link);
    await forget(["7"], { shard: link });
    assertEquals((await Deno.stat(shard)).mode! & 0o777, 0o700);
    // As a kill between the two names leaves it.
    await Deno.mkdir(`${shard}.partial`);
    await Deno.rename(shard, `${shard}.partial/old`);
    assertEquals((await forget(["8"], { shard: link })).left.films, 56);
    assertEquals([(await Shard.open(link)).count, await list(`${hospital.dir}/out`)], [56, ["shard"]]);
  }));

Deno.test("forgetPatients: the list of rows that were left out is named, since it names files", () =>
  withHospital(60, async (hospital) => {
    hospital.lines.push("gone.png,Mass,7,train");
    const { forget } = await prepared(hospital);
    const { quarantine } = await forget(["7"]);
    assert((await Deno.readTextFile(quarantine!)).includes("gone.png"));
  }));

Deno.test("forgetPatients: facts of the films that stay are as they were", () =>
  inFolder(async (dir) => {
    const ids = await PatientIds.open(`${dir}/site`);
    const films: ShardRow[] = ["a", "b", "c"].map((patient, i) => ({
      ...{ pixels: new Uint8Array(SIDE * SIDE).fill(i), label: i, patient, split: "test", name: `${i}` },
      facts: { age: 30 + i, sex: "female", view: i ? "AP" : "PA" },
    }));
    await writeShard(`${dir}/s`, { ...ABOUT, ids, evaluation: true, rows: films });
    await forgetPatients({ shard: `${dir}/s`, ids: ["a"], site: `${dir}/site` });
    const shard = await Shard.open(`${dir}/s`, { verify: true });
    assertEquals([shard.facts(0), shard.facts(1)], [films[1].facts!, films[2].facts!]);
  }));
