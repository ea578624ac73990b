import { assert, assertEquals, assertMatch } from "@std/assert";
import { blackPng } from "../testing/png.ts";
import { list } from "../testing/small_hospital.ts";
import { inFolder } from "../testing/folder.ts";
import { drawFilms } from "../testing/hospitals.ts";
import { run, runJson, start } from "../testing/program.ts";

const PREPARE = "prepare --images films-a/images --labels films-a/labels.csv --size 32".split(" ");

/** Lines of a labels file and the folder of its images. */
interface Films {
  images: string;
  /** Columns: Image Index, Finding Labels, Patient ID, age, sex, view, split. */
  lines: string[];
}

async function films(dir: string, test = 20): Promise<Films> {
  await drawFilms(dir, { test });
  const text = await Deno.readTextFile(`${dir}/films-a/labels.csv`);
  return { images: `${dir}/films-a/images`, lines: text.trim().split("\n") };
}

const nameOf = (line: string) => line.split(",")[0];

/** Adds twenty rows or more of every reason; returns the counts and how many of the films that were there go. */
async function spoil({ images, lines }: Films): Promise<{ counts: Record<string, number>; lost: number }> {
  const good = lines.slice(1);
  const of = (split: string) => good.filter((line) => line.endsWith(split)).map(nameOf);
  let patients = 0;
  const row = (name: string, split = "train", label = "Mass") =>
    void lines.push(`${name},${label},X${++patients},50,F,PA,${split}`);
  const file = async (name: string, bytes: Uint8Array, split?: string) => {
    await Deno.writeFile(`${images}/${name}`, bytes);
    row(name, split);
  };
  const film = (name: string) => Deno.readFile(`${images}/${name}`);
  const [bomb, dot, strip] = [blackPng(20_000, 20_000, { bits: 1 }), blackPng(15, 15), blackPng(400, 20)];
  for (let i = 0; i < 21; i++) {
    row(`bad${i}.png`, "train", "No Finding|Mass");
    if (i % 3 === 0) row(`../films-b/images/${i}.png`);
    else if (i % 3 === 1) row(`/etc/${i}.png`);
    else {
      await Deno.symlink("../labels.csv", `${images}/out${i}.png`);
      row(`out${i}.png`);
    }
    lines.push(good[i]);
    lines.push(`twice${i}.png,Mass,T${i >> 1},50,F,PA,${i % 2 || i === 20 ? "test" : "train"}`);
    row(`missing${i}.png`);
    await file(`text${i}.png`, new TextEncoder().encode(`<svg width="${i}"/>`));
    await file(`bomb${i}.png`, bomb);
    await file(`small${i}.png`, i % 2 ? dot : strip);
    const whole = await film(nameOf(good[i]));
    await file(`short${i}.png`, whole.subarray(0, whole.length >> 1));
    await file(`copy${i}.png`, await film(of("test")[i]), i % 2 ? "train" : "val");
  }
  // The last row that is twice needs its other half; five films of train are also in val: both go.
  lines.push("twice21.png,Mass,T10,50,F,PA,train");
  for (let i = 0; i < 5; i++) await file(`both${i}.png`, await film(of("train")[i]), "val");
  const reasons = [
    "bad_label",
    "outside_folder",
    "duplicate_row",
    "missing_file",
    "not_an_image",
    "too_large",
  ];
  const counts = Object.fromEntries([...reasons, "too_small", "truncated"].map((reason) => [reason, 21]));
  return { counts: { ...counts, patient_in_two_splits: 22, duplicate_pixels_across_splits: 31 }, lost: 5 };
}

Deno.test("prepare counts over twenty rows of every reason that a picture can have exactly and lists them; the rest trains; at the default it stops", () =>
  inFolder(async (dir) => {
    const made = await films(dir, 40);
    const rows = made.lines.length - 1;
    const { counts, lost } = await spoil(made);
    await Deno.writeTextFile(`${dir}/films-a/labels.csv`, made.lines.join("\n") + "\n");
    const refused = await run([...PREPARE, "--out", "s"], { cwd: dir });
    assertEquals([refused.code, refused.stdout], [1, ""]);
    const last = refused.stderr.trim().split("\n").at(-1)!;
    const counted = Object.entries(counts).map(([reason, count]) => `${reason} ${count}\\b`).join("|");
    assertEquals(last.match(new RegExp(counted, "g"))?.length, 10, last);
    assertMatch(
      last,
      /^Cannot make the shard: expected at most 0\.05 of the rows unusable, got \d+ of \d+: /,
    );
    assertMatch(last, /mend those listed in .*s\.quarantine\.csv or raise --max-quarantine\)$/);
    assertEquals((await list(dir)).filter((name) => /^s/.test(name)), ["s.partial", "s.quarantine.csv"]);
    const result = await runJson([...PREPARE, "--out", "s", "--max-quarantine", "1"], { cwd: dir });
    const some = Object.entries(result.quarantined as Record<string, number>).filter(([, count]) =>
      count > 0
    );
    assertEquals(Object.fromEntries(some), counts);
    assertEquals(result.images, rows - lost);
    const listed = (await Deno.readTextFile(String(result.quarantine))).trim().split("\n").slice(1);
    const found: Record<string, number> = {};
    for (const line of listed) {
      const [at, name, reason] = line.split(",");
      assertEquals(nameOf(made.lines[Number(at) - 1]), name);
      found[reason] = (found[reason] ?? 0) + 1;
    }
    assertEquals(found, counts);
    const local = "local --shard s --rounds 1 --batch 16 --init random --out m.safetensors";
    const trained = await runJson(local.split(" "), { cwd: dir });
    const { silos } = trained.test as { silos: Record<string, { images: number; auroc: number }> };
    assertEquals([silos.s.images, silos.s.auroc > 0], [40, true]);
  }));

/** Runs `prepare` and kills it as soon as the journal has `films` films. */
async function killAfter(films: number, command: string[], dir: string): Promise<void> {
  const { child, finished } = await start(command, { cwd: dir });
  const deadline = performance.now() + 60_000;
  for (;;) {
    const journal = await Deno.readTextFile(`${dir}/s.partial/journal`).catch(() => "");
    if (journal.split("\n").length > films + 2) break;
    assert(performance.now() < deadline, "no such journal within a minute");
    await new Promise((done) => setTimeout(done, 5));
  }
  child.kill("SIGKILL");
  const { signal } = await finished;
  assertEquals(signal, "SIGKILL");
}

Deno.test("prepare killed twice goes on from what is there; its shard has the bytes of an undisturbed run's", () =>
  inFolder(async (dir) => {
    const { images, lines } = await films(dir);
    // Films that take long, so that the kill comes before the end: as many as decode at once.
    const slow = blackPng(5600, 5600);
    const late = [30, 60].flatMap((at) =>
      Array.from(
        { length: navigator.hardwareConcurrency + 2 },
        (_, i) => ({ at, name: `slow${at}-${i}.png` }),
      )
    );
    for (const { at, name } of late.toReversed()) {
      await Deno.writeFile(`${images}/${name}`, slow);
      lines.splice(at, 0, `${name},Mass,S${name},50,F,PA,train`);
    }
    await Deno.remove(`${images}/${nameOf(lines[5])}`);
    await Deno.writeTextFile(`${dir}/films-a/labels.csv`, lines.join("\n"));
    const command = [...PREPARE, "--out"];
    assertEquals((await run([...command, "whole"], { cwd: dir })).code, 0);
    await killAfter(20, [...command, "s"], dir);
    await killAfter(40, [...command, "s"], dir);
    const { code, stderr } = await run([...command, "s"], { cwd: dir });
    assertEquals(code, 0, stderr);
    const [, count] = /goes on from a run that was stopped, with its (\d+) films/.exec(stderr)!;
    assert(Number(count) >= 40 && Number(count) < lines.length - 2, count);
    for (const name of await list(`${dir}/whole`)) {
      assertEquals(
        await Deno.readFile(`${dir}/s/${name}`),
        await Deno.readFile(`${dir}/whole/${name}`),
        name,
      );
    }
    assertEquals((await list(dir)).filter((name) => name.includes("partial")), []);
  }));

/** `prepare` on hospital a's films and a labels file of these bytes: refused with exit 1 and one sentence, no shard. */
async function assertLabelsRefused(dir: string, bytes: Uint8Array, text: RegExp): Promise<void> {
  await Deno.writeFile(`${dir}/other.csv`, bytes);
  const { code, stdout, stderr } = await run(
    ["prepare", "--images", "films-a/images", "--labels", "other.csv", "--size", "32", "--out", "s"],
    { cwd: dir },
  );
  assertEquals([code, stdout], [1, ""]);
  assertMatch(
    stderr.trim(),
    /^Cannot read [^\n]*other\.csv: expected [^\n]+; [^\n]+$|^Cannot read [^\n]+ twice; [^\n]+$/,
  );
  assertMatch(stderr, text);
  assertEquals((await list(dir)).filter((name) => /^s/.test(name)), []);
}

Deno.test("prepare takes BOM, CRLF and quotes, and refuses UTF-16, semicolons, tabs and a doubled column", () =>
  inFolder(async (dir) => {
    const { lines } = await films(dir);
    const utf8 = (text: string) => new TextEncoder().encode(text);
    const rows = lines.map((line) => line.split(","));
    const text = lines.join("\n");
    const utf16 = (order: "le" | "be") => {
      const view = new DataView(new ArrayBuffer(2 + 2 * text.length));
      [..."\uFEFF" + text].forEach((letter, i) =>
        view.setUint16(2 * i, letter.charCodeAt(0), order === "le")
      );
      return new Uint8Array(view.buffer);
    };
    const doubled = rows.map((cells) => [...cells, cells[2]].join(",")).join("\n");
    const refused: [Uint8Array, RegExp][] = [
      [utf16("le"), /got UTF-16; save the file as CSV UTF-8/],
      [utf16("be").subarray(2), /got UTF-16; save the file as CSV UTF-8/],
      [utf8(rows.map((cells) => cells.join(";")).join("\n")), /got semicolons; save it comma-separated/],
      [
        utf8(rows.map((cells) => `"${cells.join('";"')}"`).join("\n")),
        /got semicolons; save it comma-separated/,
      ],
      [utf8(rows.map((cells) => cells.join("\t")).join("\n")), /got tabs; save it comma-separated/],
      [utf8(doubled), /column "Patient ID" occurs twice; .*; rename or remove one of them/],
    ];
    for (const [bytes, why] of refused) await assertLabelsRefused(dir, bytes, why);
    const quoted = rows.map((cells) => `"${cells.join('","')}"`).join("\r\n");
    await Deno.writeTextFile(`${dir}/other.csv`, `\uFEFF${quoted}\r\n`);
    const command = ["prepare", "--images", "films-a/images", "--size", "32"];
    const odd = await runJson([...command, "--labels", "other.csv", "--out", "odd"], { cwd: dir });
    const plain = await runJson([...command, "--labels", "films-a/labels.csv", "--out", "plain"], {
      cwd: dir,
    });
    assertEquals([odd.digest, odd.images], [plain.digest, lines.length - 1]);
  }));

Deno.test("prepare finds labels and lists in the NIH download; elsewhere it asks for --labels", () =>
  inFolder(async (dir) => {
    const { images, lines } = await films(dir);
    await Deno.mkdir(`${dir}/nih/images_001`, { recursive: true });
    await Deno.rename(images, `${dir}/nih/images_001/images`);
    const command = ["prepare", "--images", "nih", "--size", "32", "--out", "s"];
    const { code, stderr } = await run(command, { cwd: dir });
    assertEquals(code, 2);
    assertMatch(stderr, /expected --labels, or NIH's Data_Entry_2017\*\.csv in nih/);
    const of = (test: boolean) =>
      lines.slice(1).filter((line) => line.endsWith(",test") === test).map(nameOf);
    const own = lines.map((line) => line.split(",").slice(0, -1).join(",") + ",");
    await Deno.writeTextFile(`${dir}/nih/Data_Entry_2017.csv`, own.join("\n"));
    await Deno.writeTextFile(`${dir}/nih/train_val_list.txt`, of(false).join("\n"));
    await Deno.writeTextFile(`${dir}/nih/test_list.txt`, of(true).join("\n"));
    const found = await run([...command, "--json"], { cwd: dir });
    assertMatch(
      found.stderr,
      /labels: nih\/Data_Entry_2017\.csv, read as NIH .*; test films by NIH's train_val_list\.txt/,
    );
    assertEquals(JSON.parse(found.stdout).splits.test.images, of(true).length);
  }));
