import { assertEquals, assertStringIncludes } from "@std/assert";
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
