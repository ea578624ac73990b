import { assertEquals, assertStringIncludes } from "@std/assert";
import { dicomFile } from "../../testing/dicom.ts";
import { inFolder } from "../../testing/folder.ts";
import { chexpert, writeSet } from "../../testing/published_tables.ts";
import { runCommand } from "../../testing/run_command.ts";
import { withHospital } from "../../testing/small_hospital.ts";
import { onTerminal } from "../../testing/terminal.ts";

/** Of 60 films, 20 with Mass; of the others, 20 are called Normal. */
async function inHospital(work: (dir: string, args: string[]) => Promise<void>): Promise<void> {
  await withHospital(60, async ({ dir, lines }) => {
    lines.forEach((line, i) => lines[i] = i % 3 ? line : line.replace("No Finding", "Normal"));
    await Deno.writeTextFile(`${dir}/labels.csv`, lines.join("\n"));
    const from = ["--images", `${dir}/images`, "--labels", `${dir}/labels.csv`, "--site", `${dir}/site`];
    const args = ["prepare", ...from, "--size", "32"];
    await work(dir, args);
  });
}

const words = (text: string) => text.split("\n").map((line) => line.trim().replaceAll(/\s+/g, " "));

Deno.test("prepare lists every label with its reading, and warns of names that are not NIH's and of small splits", () =>
  inHospital(async (dir, args) => {
    const misread = await runCommand(...args, "--out", `${dir}/s`);
    assertEquals(misread.code, 0, misread.stderr);
    assertEquals(words(misread.stdout).slice(0, 4), [
      "label films read as",
      "No Finding 20 no finding",
      "Mass 20 finding",
      "Normal 20 other: as a finding",
    ]);
    assertStringIncludes(misread.stdout, "60 images of 30 patients, 40 with a finding");
    const warnings = misread.stderr.split("\n").filter((line) => line.startsWith("warning: "));
    assertStringIncludes(warnings[0], "read as findings: Normal (20);");
    assertStringIncludes(warnings[1], "val: 6 patients with a finding, 4 without; below 10");
    assertStringIncludes(warnings[2], "test: 6 patients with a finding, 4 without");
    assertEquals(warnings.length, 3);

    const read = await runCommand(...args, "--out", `${dir}/t`, "--negative", "normal", "--json");
    const { labels, warnings: told, positives } = JSON.parse(read.stdout);
    assertEquals([positives, told.length], [20, 2]);
    assertEquals(told[1].startsWith("test: 2 patients with a finding, 4 without"), true, told[1]);
    assertEquals(labels, [
      { name: "No Finding", films: 20, reading: "no finding", spellings: [] },
      { name: "Normal", films: 20, reading: "no finding", spellings: [] },
      { name: "Mass", films: 20, reading: "finding", spellings: [] },
    ]);
  }));

Deno.test("prepare refuses --negative with one of NIH's findings as usage, and with a word that no row has", () =>
  inHospital(async (dir, args) => {
    const finding = await runCommand(...args, "--out", `${dir}/s`, "--negative", "Normal,mass");
    assertEquals([finding.code, finding.stdout], [2, ""]);
    assertStringIncludes(finding.stderr, "got mass, one of NIH's 14 findings (remedy: leave it out)");
    const unused = await runCommand(...args, "--out", `${dir}/s`, "--negative", "Norml");
    assertEquals([unused.code, unused.stdout], [1, ""]);
    assertStringIncludes(
      unused.stderr,
      "got no Norml; what is there and not NIH's is Normal (remedy: correct",
    );
  }));

Deno.test("prepare says as which table it reads the labels, what it takes of them, and what it leaves out by rule", () =>
  inFolder(async (dir) => {
    const set = chexpert();
    await writeSet(dir, set);
    const from = ["--images", `${dir}/${set.images}`, "--labels", `${dir}/${set.labels}`];
    const args = ["prepare", ...from, "--site", `${dir}/site`];
    const left = await runCommand(...args, "--out", `${dir}/s`);
    assertEquals(left.code, 0, left.stderr);
    assertStringIncludes(
      left.stderr,
      `${set.labels}, read as CheXpert: 28 rows, 21 films, left out by rule 4 lateral_view, 2 uncertain, ` +
        "1 unlabelled; test films by a draw by patient",
    );
    assertEquals(
      left.stdout.trim().split("\n").at(-1),
      "left out by rule: 4 lateral_view, 2 uncertain, 1 unlabelled",
    );
    const one = await runCommand(...args, "--out", `${dir}/t`, "--uncertain", "one", "--json");
    const { source, positives } = JSON.parse(one.stdout);
    assertEquals([source.table, source.films, source.leftOut.uncertain, positives], ["CheXpert", 23, 0, 13]);
    const other = await runCommand(...args, "--out", `${dir}/u`, "--uncertain", "two");
    assertEquals(other.code, 2);
    assertStringIncludes(other.stderr, "zero, one, leave-out");
  }));

Deno.test("prepare counts laterals together, whether the table tells them or a film's file, and says once of a new secret", () =>
  withHospital(60, async ({ dir, lines }) => {
    const table = lines.map((line, i) => `${line},${i === 0 ? "View Position" : i < 3 ? "LL" : "PA"}`);
    await Deno.writeTextFile(`${dir}/labels.csv`, table.join("\n"));
    await Deno.writeFile(`${dir}/images/f2.png`, dicomFile({ attributes: { "0018,5101": ["CS", "LL"] } }));
    await Deno.writeFile(`${dir}/images/f3.png`, dicomFile({ attributes: { "0008,0060": ["CS", "CT"] } }));
    const from = ["--images", `${dir}/images`, "--labels", `${dir}/labels.csv`, "--site", `${dir}/site`];
    const prepare = () => runCommand("prepare", ...from, "--size", "32", "--force", "--out", `${dir}/s`);
    const rules = "left out by rule: 3 lateral_view, 1 other_modality";
    const which =
      `${dir}/s.quarantine.csv says which, but for those that the table itself tells (it names files`;
    const secret = `with a new secret: keep a copy of ${dir}/site/patients.secret in a safe place`;
    const first = await prepare();
    assertStringIncludes(first.stdout, `${rules}; ${which}`, first.stderr);
    assertStringIncludes(first.stderr, secret);
    await Deno.writeTextFile(`${dir}/images/f4.png`, "no film");
    const second = await prepare();
    assertStringIncludes(second.stdout, `${rules}\nleft out: 1 not_an_image; ${which}`, second.stderr);
    assertEquals(second.stderr.includes("secret"), false);
  }));

Deno.test("prepare reads a table of other columns by --columns, and refuses a list that is none as usage", () =>
  inHospital(async (dir, args) => {
    const text = await Deno.readTextFile(`${dir}/labels.csv`);
    const own = text.replace(
      "Image Index,Finding Labels,Patient ID,split",
      '"File, name",Befund,Patient,Teil',
    )
      .replaceAll(".png,", ",");
    await Deno.writeTextFile(`${dir}/labels.csv`, own);
    const none = await runCommand(...args, "--out", `${dir}/s`);
    assertEquals(none.code, 1);
    assertStringIncludes(none.stderr, "the header found is: File, name, Befund, Patient, Teil");
    const columns = ["--columns", "image=File\\, name,labels=Befund,patient=Patient,split=Teil"];
    const read = await runCommand(...args, "--out", `${dir}/s`, ...columns, "--negative", "normal");
    assertEquals(read.code, 0, read.stderr);
    assertStringIncludes(
      read.stderr,
      "read as a table by --columns: 60 rows, 60 films; test films by its column split",
    );
    assertStringIncludes(read.stdout, "60 images of 30 patients, 20 with a finding");
    const bad = await runCommand(...args, "--out", `${dir}/t`, "--columns", "image=a,labels=b");
    assertEquals([bad.code, bad.stdout], [2, ""]);
    assertStringIncludes(bad.stderr, "Cannot read --columns: expected image=NAME,labels=NAME,patient=NAME");
  }));

Deno.test("prepare on terminals of 80 and 120 columns: the table of labels stands whole on it", () =>
  inHospital(async (dir, args) => {
    for (const [columns, color] of [[80, ""], [120, "1"]] as const) {
      const { code, lines, whole } = await onTerminal([...args, "--out", `${dir}/s${columns}`], {
        cwd: dir,
        columns,
        env: { NO_COLOR: color },
      });
      assertEquals(code, 0, whole.join("\n"));
      const at = lines.findIndex((line) => /^ *label +films +read as$/.test(line));
      assertEquals(words(lines.slice(at, at + 4).join("\n")).at(-1), "Normal 20 other: as a finding");
      assertEquals(whole.filter((line) => line.startsWith("warning: ")).length, 3);
    }
  }));
