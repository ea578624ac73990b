import { assertEquals, assertStringIncludes } from "@std/assert";
import { parse } from "csv-parse/sync";
import { rowOf } from "../../../src/cli/commands/predict.ts";
import { DataError } from "../../../src/data/quarantine.ts";
import { layoutOf } from "../../../src/model/layout.ts";
import { preprocessingOf, saveModel } from "../../../src/model/weights/model_file.ts";
import { randomWeights } from "../../../src/model/weights/random.ts";
import { dicomFile } from "../../testing/dicom.ts";
import { blackPng } from "../../testing/png.ts";
import { inFolder } from "../../testing/folder.ts";
import { runCommand } from "../../testing/run_command.ts";
import { withHospital } from "../../testing/small_hospital.ts";

Deno.test("rowOf: a decision from the threshold on, none without one, and a reason in place of a score", () => {
  assertEquals(rowOf({ name: "a.png", score: 0 }, 0), "a.png,0,0.5,finding,");
  assertEquals(
    rowOf({ name: "a.png", score: -0.1, split: "val" }, 0),
    "a.png,-0.1,0.475020813,no finding,,val",
  );
  assertEquals(rowOf({ name: "a.png", score: 0 }, null), "a.png,0,0.5,,");
  const failed = new DataError("truncated", "cut, short");
  assertEquals(rowOf({ name: "a.png", score: failed }, 0), 'a.png,,,,"cut, short"');
});

/** A model of random weights with a threshold of its own. */
async function saveRandom(path: string, size: number, threshold?: { logit: number }): Promise<void> {
  const layout = layoutOf("efficientnet_b0", { channels: 1 });
  const metadata = {
    network: layout.network,
    channels: 1,
    size,
    preprocessing: preprocessingOf(1),
    threshold,
  } as const;
  await saveModel(path, randomWeights(layout, 1), layout, metadata);
}

Deno.test("fedx predict decides at the model's threshold or --threshold, keeps a row for a film that failed, and exits 1", () =>
  inFolder(async (dir) => {
    await saveRandom(`${dir}/m.safetensors`, 32, { logit: -100 });
    await Deno.mkdir(`${dir}/films`);
    for (const name of ["a.png", "c.png"]) await Deno.writeFile(`${dir}/films/${name}`, blackPng(32, 32));
    await Deno.writeTextFile(`${dir}/films/b.png`, "no film");
    const predict = async (...more: string[]) => {
      const files = [
        "--engine",
        "tfjs",
        "--model",
        `${dir}/m.safetensors`,
        "--images",
        `${dir}/films`,
        "--out",
        `${dir}/s.csv`,
      ];
      const ran = await runCommand("predict", ...files, ...more);
      const rows = parse(await Deno.readTextFile(`${dir}/s.csv`), { columns: true }) as Record<
        string,
        string
      >[];
      return { ...ran, rows };
    };
    const { code, stdout, rows } = await predict();
    assertEquals(code, 1);
    assertStringIncludes(stdout, "1 failed: the column error says why");
    assertEquals(rows.map((row) => [row["Image Index"], row.decision, row.error]), [
      ["a.png", "finding", ""],
      ["b.png", "", "Cannot decode the image: expected a PNG, JPEG or DICOM file, got something else"],
      ["c.png", "finding", ""],
    ]);
    await Deno.remove(`${dir}/films/b.png`);
    const sure = await predict("--threshold", "0.999999", "--json");
    assertEquals(sure.code, 0, sure.stderr);
    assertEquals(sure.rows.map(({ decision }) => decision), ["no finding", "no finding"]);
    await saveRandom(`${dir}/m.safetensors`, 32);
    const none = await predict();
    assertEquals(none.rows.map(({ decision }) => decision), ["", ""]);
    assertStringIncludes(none.stdout, "no decisions: the model has no threshold");
  }));

Deno.test("fedx predict --accession lists the accession number of each DICOM file, none of others, and takes no shard", () =>
  inFolder(async (dir) => {
    await saveRandom(`${dir}/m.safetensors`, 32);
    await Deno.mkdir(`${dir}/films`);
    await Deno.writeFile(`${dir}/films/a.png`, blackPng(32, 32));
    await Deno.writeFile(`${dir}/films/b`, dicomFile({ attributes: { "0008,0050": ["SH", "A,4711"] } }));
    const predict = (...more: string[]) =>
      runCommand("predict", "--engine", "tfjs", "--model", `${dir}/m.safetensors`, ...more);
    const out = ["--out", `${dir}/s.csv`, "--accession"];
    const { code, stderr } = await predict("--images", `${dir}/films`, ...out);
    assertEquals(code, 0, stderr);
    const text = await Deno.readTextFile(`${dir}/s.csv`);
    const rows = parse(text, { columns: true }) as Record<string, string>[];
    assertEquals(rows.map((row) => [row["Image Index"], row.accession]), [["a.png", ""], ["b", "A,4711"]]);
    const shard = await predict("--shard", `${dir}/shard`, ...out);
    assertEquals(shard.code, 2);
    assertStringIncludes(shard.stderr, "Cannot use --accession with --shard: expected --images, got a shard");
    assertEquals(await Deno.readTextFile(`${dir}/s.csv`), text);
  }));

Deno.test("fedx evaluate prints one row for one shard, and what the model's threshold is worth", () =>
  withHospital(90, async ({ dir, prepare }) => {
    await prepare({ size: 32 });
    await saveRandom(`${dir}/m.safetensors`, 32, { logit: -100 });
    const shard = ["--shard", `${dir}/out/shard`];
    const one = await runCommand("evaluate", "--engine", "tfjs", "--model", `${dir}/m.safetensors`, ...shard);
    assertEquals(one.code, 0, one.stderr);
    const rows = one.stdout.split("\n").filter((line) => / 0\.\d{3} /.test(line) && line.startsWith(" "));
    assertEquals(rows.filter((line) => line.includes("shard")).length, 1, one.stdout);
    assertEquals(/stratified|pooled/.test(one.stdout), false);
    assertStringIncludes(one.stdout, "at the model's threshold, logit -100.000 (probability 0.000):");
    assertStringIncludes(one.stdout, "sensitivity 1.000");
    await withHospital(60, async (other) => void await other.prepare({ size: 32, out: `${dir}/out/other` }));
    const both = [...shard, "--shard", `${dir}/out/other`];
    const two = await runCommand("evaluate", "--engine", "tfjs", "--model", `${dir}/m.safetensors`, ...both);
    for (const row of ["stratified", "pooled", "site only"]) {
      assertStringIncludes(two.stdout, row, two.stderr);
    }
  }));
