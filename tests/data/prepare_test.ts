import { assert, assertEquals, assertRejects } from "@std/assert";
import { encodePng } from "../../src/data/sharp.ts";
import { Shard } from "../../src/data/shard.ts";
import { list, withHospital } from "../testing/small_hospital.ts";

Deno.test("prepareShard: writes the films in the order of the labels file, with their counts", () =>
  withHospital(60, async ({ dir, prepare }) => {
    const result = await prepare();
    assertEquals([result.images, result.patients, result.positives], [60, 30, 20]);
    assertEquals(result.splits.val, { images: 12, patients: 6, positives: 4 });
    assertEquals([result.quarantine, new Set(Object.values(result.quarantined))], [null, new Set([0])]);
    const shard = await Shard.open(`${dir}/out/shard`, { verify: true });
    for await (const { first, pixels } of shard.pixelBlocks()) {
      for (let i = 0; i < pixels.length; i += 64) assertEquals(pixels[i], first + i / 64);
    }
    assertEquals((await shard.names())[59], "f59.png");
    assertEquals([shard.manifest.kernel, shard.manifest.salt, shard.manifest.digest], [
      "lanczos3",
      "fedx-1",
      result.digest,
    ]);
    assertEquals(await list(`${dir}/out`), ["shard"]);
  }));

Deno.test("prepareShard: each unusable row is left out under its own reason", () =>
  withHospital(60, async ({ dir, lines, prepare }) => {
    await Deno.remove(`${dir}/images/f0.png`);
    await Deno.writeTextFile(`${dir}/images/f1.png`, "no image");
    const film = await Deno.readFile(`${dir}/images/f2.png`);
    await Deno.writeFile(`${dir}/images/f2.png`, film.subarray(0, film.length - 20));
    lines[4] = "f3.png,,1,train";
    await Deno.copyFile(`${dir}/images/f4.png`, `${dir}/images/f58.png`);
    await Deno.copyFile(`${dir}/images/f4.png`, `${dir}/images/f5.png`);
    await Deno.symlink(`${dir}/labels.csv`, `${dir}/images/out.png`);
    await Deno.writeFile(`${dir}/images/dot.png`, await encodePng(new Uint8Array(64), 8));
    lines.push("../labels.csv,Mass,99,train", "f60.png,Mass,29,train");
    lines.push("out.png,Mass,98,train", "dot.png,Mass,97,train", "./f7.png,No Finding,3,train");
    const { quarantined, images, quarantine } = await prepare({ maxQuarantine: 0.3 });
    assertEquals(quarantined, {
      bad_label: 1,
      outside_folder: 2,
      duplicate_row: 1,
      patient_in_two_splits: 3,
      missing_file: 1,
      unreadable_file: 0,
      not_an_image: 1,
      other_modality: 0,
      for_processing: 0,
      lateral_view: 0,
      unknown_syntax: 0,
      no_pixels: 0,
      multi_frame: 0,
      unsupported_pixels: 0,
      too_large: 0,
      too_small: 1,
      truncated: 1,
      duplicate_pixels_across_splits: 0,
    });
    assertEquals([images, quarantine], [54, await Deno.realPath(`${dir}/out/shard.quarantine.csv`)]);
    const listed = (await Deno.readTextFile(quarantine!)).trim().split("\n");
    assertEquals(listed.slice(0, 3), [
      "line,Image Index,reason,detail",
      "2,f0.png,missing_file,Cannot read the image file: it is missing",
      '3,f1.png,not_an_image,"Cannot decode the image: expected a PNG, JPEG or DICOM file, got something else"',
    ]);
    assertEquals(listed.length, 12);
    assertEquals(listed.at(-1), "66,./f7.png,duplicate_row,an Image Index that occurs before (line 9 stays)");
  }));

Deno.test("prepareShard: of equal pixels in two splits those of test stay, and copies within one split", () =>
  withHospital(60, async ({ dir, prepare }) => {
    const copy = (from: number, to: number) =>
      Deno.copyFile(`${dir}/images/f${from}.png`, `${dir}/images/f${to}.png`);
    // Of f0 … f5 and f30 … f35 in train: one more in train, one each in val and test.
    for (const [from, to] of [[0, 1], [2, 3], [2, 4], [2, 18], [5, 24], [19, 25]]) await copy(from, to);
    const { quarantined, splits } = await prepare({ maxQuarantine: 0.2 });
    assertEquals(quarantined.duplicate_pixels_across_splits, 6);
    const shard = await Shard.open(`${dir}/out/shard`, { verify: true });
    const gone = [2, 3, 4, 18, 5, 19];
    const names = Array.from({ length: 60 }, (_, i) => i).filter((i) => !gone.includes(i));
    assertEquals(await shard.names(), names.map((i) => `f${i}.png`));
    assertEquals([splits.train.images, splits.val.images, splits.test.images], [32, 10, 12]);
    const list = await Deno.readTextFile(`${dir}/out/shard.quarantine.csv`);
    assertEquals(
      list.includes('7,f5.png,duplicate_pixels_across_splits,"the same pixels as line 26, which is in test"'),
      true,
    );
  }));

Deno.test("prepareShard: more than maxQuarantine is refused with counts by reason, the flag and the list of rows; no shard is left", () =>
  withHospital(60, async ({ dir, lines, prepare }) => {
    for (let i = 0; i < 3; i++) await Deno.remove(`${dir}/images/f${i}.png`);
    lines[10] = "f9.png,Mass,4,training";
    const error = await assertRejects(() => prepare(), Error, "got 4 of 60: ");
    assert(error.message.includes('bad_label 1 (e.g. split "training"'));
    assert(error.message.includes("missing_file 3"));
    assert(error.message.includes("--max-quarantine"));
    assert(!error.message.includes("f1.png"), "a file name in an error");
    const quarantine = await Deno.realPath(`${dir}/out/shard.quarantine.csv`);
    assert(error.message.includes(`mend those listed in ${quarantine}`));
    assertEquals((await Deno.readTextFile(quarantine)).trim().split("\n").length, 5);
    assertEquals(await list(`${dir}/out`), ["shard.partial", "shard.quarantine.csv"]);
    lines.splice(1, 60, ...lines.slice(1).filter((line) => !/^f[0-29][.]/.test(line)));
    await prepare();
    assertEquals(await list(`${dir}/out`), ["shard"]);
  }));

Deno.test("prepareShard: an empty class in train or val is refused by name", async () => {
  for (const [split, label] of [["train", "Mass"], ["val", "No Finding"]]) {
    await withHospital(60, async ({ lines, prepare }) => {
      lines.forEach((line, i) => {
        const cells = line.split(",");
        if (cells[3] === split) lines[i] = [cells[0], label, ...cells.slice(2)].join(",");
      });
      const found = label === "Mass" ? "all with a finding" : "none with a finding";
      await assertRejects(() => prepare(), Error, `with and without a finding in ${split}`);
      await assertRejects(() => prepare(), Error, found);
    });
  }
  await withHospital(60, async ({ lines, prepare }) => {
    lines.forEach((line, i) => lines[i] = line.replace(",train", ",test"));
    await assertRejects(() => prepare(), Error, "without a finding in train, got no images");
  });
});

Deno.test("prepareShard: a missing column is refused before any image is read", () =>
  withHospital(12, async ({ lines, prepare }) => {
    lines[0] = "Image Index,Findings,Patient ID,split";
    await assertRejects(() => prepare(), SyntaxError, `expected a column "Finding Labels"`);
  }));

Deno.test("prepareShard: an existing shard is kept; force replaces it only by a whole one", () =>
  withHospital(60, async ({ dir, lines, prepare }) => {
    const { digest } = await prepare();
    await assertRejects(() => prepare(), Error, "it exists; name another folder with --out");
    const good = lines.splice(1, 20, "x.png,,,");
    await assertRejects(() => prepare({ force: true, maxQuarantine: 0 }), Error, "unusable");
    assertEquals((await Shard.open(`${dir}/out/shard`, { verify: true })).manifest.digest, digest);
    lines.splice(1, 1, ...good.slice(0, 18));
    const { digest: other } = await prepare({ force: true });
    assertEquals((await Shard.open(`${dir}/out/shard`, { verify: true })).manifest.digest, other);
    assertEquals(await list(`${dir}/out`), ["shard"]);
  }));

Deno.test("prepareShard: a run that fails or is stopped leaves the list of the shard that stays", () =>
  withHospital(60, async ({ dir, lines, prepare }) => {
    const read = () => Deno.readTextFile(`${dir}/out/shard.quarantine.csv`);
    const good = [...lines];
    lines.push("gone.png,Mass,99,train");
    await prepare();
    const before = await read();
    lines.splice(0, 62, ...good.map((line) => line.replace("Mass", "No Finding")));
    await assertRejects(() => prepare({ force: true }), Error, "none with a finding");
    assertEquals(await read(), before);
    lines.splice(0, 62, good[0], "away.png,Mass,98,train", ...good.slice(1));
    const stop = new AbortController();
    const onProgress = (done: number) => done === 9 && stop.abort();
    await assertRejects(() => prepare({ force: true, onProgress, signal: stop.signal }), DOMException);
    assertEquals(await read(), before);
    await assertRejects(() => prepare({ force: true, maxQuarantine: 0 }), Error, "missing_file 1");
    assertEquals((await read()).includes("away.png"), true);
  }));

Deno.test("prepareShard: force replaces nothing but a shard or an empty folder, before any film is decoded", () =>
  withHospital(60, async ({ dir, prepare }) => {
    const decoded = () => assert(false, "a film was decoded");
    const refused = (out: string) =>
      assertRejects(() => prepare({ out, force: true, onProgress: decoded }), Error, "name another folder");
    await Deno.mkdir(`${dir}/films/2024`, { recursive: true });
    await refused(`${dir}/films`);
    await Deno.writeTextFile(`${dir}/films/manifest.json`, `{"version":1}`);
    await refused(`${dir}/films`);
    await Deno.writeTextFile(`${dir}/note`, "");
    await refused(`${dir}/note`);
    await prepare({ out: `${dir}/shard` });
    await Deno.writeTextFile(`${dir}/shard/notes.txt`, "");
    await refused(`${dir}/shard`);
    assertEquals(await list(`${dir}/films`), ["2024", "manifest.json"]);
    await Deno.mkdir(`${dir}/empty`);
    await prepare({ out: `${dir}/empty/`, force: true });
    assertEquals((await Shard.open(`${dir}/empty`)).count, 60);
    assertEquals((await Deno.stat(`${dir}/empty`)).mode! & 0o777, 0o750 & ~Deno.umask());
  }));

Deno.test("prepareShard: --out may neither be nor contain --images or --labels", () =>
  withHospital(60, async ({ dir, prepare }) => {
    await Deno.symlink(`${dir}/images`, `${dir}/link`);
    for (const out of [dir, `${dir}/images`, `${dir}/link`, `${dir}/x/../labels.csv`]) {
      await Deno.mkdir(`${dir}/x`, { recursive: true });
      await assertRejects(() => prepare({ out, force: true }), Error, "apart from --");
    }
    assertEquals((await list(`${dir}/images`)).length, 60);
  }));

Deno.test("prepareShard: a missing image folder is named, not its files counted", () =>
  withHospital(60, async ({ dir, prepare }) => {
    const text = `${dir}/none: expected a folder, got nothing (remedy: name one with --images`;
    await assertRejects(() => prepare({ images: `${dir}/none` }), Error, text);
  }));

Deno.test("prepareShard: labels that cannot do are refused before the first film", () =>
  withHospital(60, async ({ lines, prepare }) => {
    const onProgress = () => assert(false, "a film was decoded");
    lines.splice(1, 60, ...lines.slice(1).map((line) => line.replace("Mass", "No Finding")));
    await assertRejects(() => prepare({ onProgress }), Error, "none with a finding");
  }));

Deno.test("prepareShard: what a killed run left is cleared and its old shard kept; a running one is not disturbed", () =>
  withHospital(60, async ({ dir, prepare }) => {
    const { digest } = await prepare();
    const [shard, partial] = [`${dir}/out/shard`, `${dir}/out/shard.partial`];
    await Deno.mkdir(`${partial}/new`, { recursive: true });
    await Deno.writeTextFile(`${partial}/new/images.u8`, "half");
    await Deno.rename(shard, `${partial}/old`);
    await assertRejects(() => prepare(), Error, "it exists");
    assertEquals((await Shard.open(shard, { verify: true })).manifest.digest, digest);
    assertEquals(await list(`${dir}/out`), ["shard"]);
    await Deno.mkdir(`${partial}/new`, { recursive: true });
    using lock = await Deno.open(`${partial}/lock`, { write: true, create: true });
    await lock.lock(true);
    await assertRejects(() => prepare({ force: true }), Error, "another `fedx prepare` is making it");
    assertEquals(await list(partial), ["lock", "new"]);
  }));

Deno.test("prepareShard: on a disk without locks the folder is named, and nothing is left there", () =>
  withHospital(60, async ({ dir, prepare }) => {
    const { tryLock } = Deno.FsFile.prototype;
    Deno.FsFile.prototype.tryLock = () => Promise.reject(new Error("No locks available (os error 37)"));
    try {
      const error = await assertRejects(() => prepare(), Error) as Error & { path?: string };
      assertEquals(error.path, `${dir}/out/shard.partial`);
    } finally {
      Deno.FsFile.prototype.tryLock = tryLock;
    }
    assertEquals(await list(`${dir}/out`), []);
  }));

Deno.test("prepareShard: the same files give the same digest", () =>
  withHospital(60, async ({ prepare }) => {
    const { digest } = await prepare();
    assertEquals((await prepare({ force: true })).digest, digest);
  }));
