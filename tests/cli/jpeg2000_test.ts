/** `--jpeg2000`: what is made of films one way is not mixed with what is made the other way, and the model says which. */
import { assertEquals, assertMatch, assertNotEquals, assertStringIncludes } from "@std/assert";
import { parse } from "csv-parse/sync";
import { Shard } from "../../src/data/shard.ts";
import { type Jpeg2000, kernelOf } from "../../src/kernel.ts";
import { layoutOf } from "../../src/model/layout.ts";
import { loadModel, preprocessingOf, saveModel } from "../../src/model/weights/model_file.ts";
import { randomWeights } from "../../src/model/weights/random.ts";
import { settingsOf } from "../../src/cli/options/proposal.ts";
import { filmOf, noiseOf } from "../testing/dicom_archive.ts";
import { dicomFile } from "../testing/dicom.ts";
import { encodedDicom } from "../testing/encoded_dicom.ts";
import { inFolder } from "../testing/folder.ts";
import { run } from "../testing/program.ts";
import { runCommand } from "../testing/run_command.ts";
import { writeShard } from "../testing/write_shard.ts";

const SIZE = 32, SIDE = 256, FILMS = 20;
const layout = layoutOf("efficientnet_b0", { channels: 1 });

async function saveOf(path: string, kernel: string): Promise<void> {
  const preprocessing = preprocessingOf(1, { kernel });
  const metadata = { network: "efficientnet_b0", channels: 1, size: SIZE, preprocessing } as const;
  await saveModel(path, randomWeights(layout, 1), layout, metadata);
}

/** Films of JPEG 2000 and one that is not compressed, with their labels; `prepare` makes a shard for evaluation. */
async function furnish(dir: string): Promise<(jpeg2000: Jpeg2000, ...more: string[]) => Promise<string>> {
  await Deno.mkdir(`${dir}/films`);
  const noise = noiseOf(SIDE), lines = ["Image Index,Finding Labels,Patient ID,split"];
  for (let i = 0; i < FILMS; i++) {
    const film = filmOf(i, { side: SIDE, noise, ill: i % 2 === 1 });
    const bytes = i === 0 ? dicomFile(film) : encodedDicom({ ...film, syntax: "1.2.840.10008.1.2.4.90" });
    await Deno.writeFile(`${dir}/films/${String(i).padStart(2, "0")}`, bytes);
    lines.push(`${String(i).padStart(2, "0")},${i % 2 ? "Mass" : "No Finding"},P${i},test`);
  }
  await Deno.writeTextFile(`${dir}/labels.csv`, lines.join("\n"));
  const words =
    `--images ${dir}/films --labels ${dir}/labels.csv --size ${SIZE} --site ${dir}/site --evaluation`;
  return async (jpeg2000, ...more) => {
    const options = [...jpeg2000 === "full" ? [] : ["--jpeg2000", jpeg2000], ...more];
    const ran = await runCommand("prepare", ...words.split(" "), "--out", `${dir}/${jpeg2000}`, ...options);
    assertEquals(ran.code, 0, ran.stderr);
    return `${dir}/${jpeg2000}`;
  };
}

Deno.test("predict --images decodes as the model's kernel says: it gives the logits of a shard that was made so", () =>
  inFolder(async (dir) => {
    const prepare = await furnish(dir);
    const logits = async (jpeg2000: Jpeg2000, from: string[]) => {
      const words = ["--engine", "tfjs", "--model", `${dir}/${jpeg2000}.safetensors`, ...from];
      const ran = await runCommand("predict", ...words, "--out", `${dir}/s.csv`, "--force");
      assertEquals(ran.code, 0, ran.stderr);
      const rows = parse(await Deno.readTextFile(`${dir}/s.csv`), { columns: true }) as Record<
        string,
        string
      >[];
      return rows.toSorted((a, b) => a["Image Index"] < b["Image Index"] ? -1 : 1).map(({ logit }) =>
        Number(logit)
      );
    };
    const found: Partial<Record<Jpeg2000, number[]>> = {};
    for (const jpeg2000 of ["full", "reduced"] as const) {
      await saveOf(`${dir}/${jpeg2000}.safetensors`, kernelOf(jpeg2000));
      const shard = await prepare(jpeg2000);
      assertEquals((await Shard.open(shard)).manifest.kernel, kernelOf(jpeg2000));
      found[jpeg2000] = await logits(jpeg2000, ["--images", `${dir}/films`]);
      assertEquals(await logits(jpeg2000, ["--shard", shard]), found[jpeg2000]);
    }
    const { full, reduced } = found;
    assertEquals(reduced![0], full![0]); // not JPEG 2000
    for (let i = 1; i < FILMS; i++) assertNotEquals(reduced![i], full![i]);
  }));

Deno.test("evaluate and predict --shard refuse a shard of another kernel with the command; predict --images one that it does not know", () =>
  inFolder(async (dir) => {
    const shard = await (await furnish(dir))("full");
    await saveOf(`${dir}/reduced.safetensors`, kernelOf("reduced"));
    await saveOf(`${dir}/other.safetensors`, "mitchell");
    const model = (name: string) => ["--engine", "tfjs", "--model", `${dir}/${name}.safetensors`];
    const said = `Cannot score ${shard}: expected films of kernel lanczos3+j2k-reduced, got lanczos3 ` +
      `(remedy: run \`fedx prepare --size ${SIZE} --jpeg2000 reduced …\`)`;
    const ways = [["evaluate"], ["predict", "--out", `${dir}/s.csv`]];
    for (const [command, ...more] of ways) {
      const ran = await runCommand(command, ...model("reduced"), "--shard", shard, ...more);
      assertEquals(ran.code, 1);
      assertStringIncludes(ran.stderr, said);
    }
    const images = ["--images", `${dir}/films`, "--out", `${dir}/s.csv`];
    const ran = await runCommand("predict", ...model("other"), ...images);
    assertEquals(ran.code, 1);
    assertMatch(
      ran.stderr,
      /^Cannot make films for the model: expected lanczos3 or lanczos3\+j2k-reduced, got mitchell \(remedy: /,
    );
  }));

Deno.test("local, and the settings of a run, have the kernel of their films; shards of two are refused", () =>
  inFolder(async (dir) => {
    const kernel = kernelOf("reduced");
    const rows = (["train", "val", "test"] as const).flatMap((split, at) =>
      [0, 1, 2, 3].map((i) => ({
        pixels: new Uint8Array(SIZE * SIZE).fill(10 * at + i),
        ...{ label: i % 2, patient: `${split}${i}`, split, name: `${split}${i}` },
      }))
    );
    await writeShard(`${dir}/reduced`, { size: SIZE, kernel, salt: "t", rows });
    await writeShard(`${dir}/full`, { size: SIZE, kernel: kernelOf("full"), salt: "t", rows });
    const words = "--epochs 1 --batch 2 --init random --threads 1 --device cpu".split(" ");
    const local = (...shards: string[]) => {
      const named = shards.flatMap((name) => ["--shard", `${dir}/${name}`]);
      return run(["local", ...named, ...words, "--out", `${dir}/m.safetensors`], { cwd: dir });
    };
    const mixed = await local("reduced", "full");
    assertEquals(mixed.code, 1);
    assertStringIncludes(
      mixed.stderr,
      `Cannot take ${dir}/full beside ${dir}/reduced: expected films of kernel`,
    );
    assertStringIncludes(mixed.stderr, `fedx prepare --size ${SIZE} --jpeg2000 reduced …`);
    const compared = await runCommand(
      ...["compare", "--shard", `${dir}/reduced`, "--shard", `${dir}/full`, "--out", `${dir}/compared`],
    );
    assertEquals(compared.code, 1);
    assertStringIncludes(compared.stderr, `Cannot take ${dir}/full beside ${dir}/reduced`);
    const ran = await local("reduced");
    assertEquals(ran.code, 0, ran.stderr);
    const { metadata } = await loadModel(`${dir}/m.safetensors`);
    assertEquals(metadata.preprocessing, preprocessingOf(1, { kernel }));
    const settings = settingsOf({
      ...{ network: "efficientnet_b0", size: SIZE, kernel, channels: 1, recipe: "default", seed: 1 },
      silos: ["a"],
    });
    assertEquals(settings.preprocessing, preprocessingOf(1, { kernel }));
  }));
