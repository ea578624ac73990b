import { assertEquals } from "@std/assert";
import { HOSPITALS } from "../../../src/data/phantom/phantom.ts";
import { writePhantoms } from "../../../src/data/phantom/files.ts";
import { prepareShard } from "../../../src/data/prepare.ts";
import { Shard } from "../../../src/data/shard.ts";
import { inFolder } from "../../testing/folder.ts";
import { seeded } from "../../testing/random.ts";

const COUNTS = { train: 50, val: 20, test: 30 };

Deno.test("writePhantoms: makes a hospital's folder that prepareShard takes whole, prevalence exact in each split", () =>
  inFolder(async (dir) => {
    let last = 0;
    await writePhantoms(dir, {
      hospital: HOSPITALS.c,
      size: 32,
      ...COUNTS,
      random: seeded(6),
      onProgress: (done, total) => last = done / total,
    });
    assertEquals(last, 1);
    const [header, ...rows] = (await Deno.readTextFile(`${dir}/labels.csv`)).trim().split(/\r?\n/);
    assertEquals(rows.length, 100);
    const at = (name: string) => header.split(",").indexOf(name);
    for (const row of rows) {
      const cells = row.split(",");
      const { [at("Patient Age")]: age, [at("View Position")]: view } = cells;
      assertEquals([Number(age) >= 18, view], [true, "AP"]);
      assertEquals(/^[FM]$/.test(cells[Math.max(at("Patient Sex"), at("Patient Gender"))]), true);
    }
    const out = `${dir}/shard`;
    const result = await prepareShard({
      images: `${dir}/images`,
      labels: `${dir}/labels.csv`,
      size: 32,
      out,
      site: `${dir}/site`,
    });
    assertEquals([result.quarantine, new Set(Object.values(result.quarantined))], [null, new Set([0])]);
    for (const split of ["train", "val", "test"] as const) {
      const { images, positives } = result.splits[split];
      assertEquals([images, positives], [COUNTS[split], Math.round(0.62 * COUNTS[split])]);
    }
    assertEquals(result.patients > 50 && result.patients < 90, true, `${result.patients} patients`);
    assertEquals((await Shard.open(out, { verify: true })).manifest.unknownFindings, []);
  }));
