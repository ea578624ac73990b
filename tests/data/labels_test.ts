import { assertEquals, assertRejects } from "@std/assert";
import { Shard } from "../../src/data/shard.ts";
import { withHospital } from "../testing/small_hospital.ts";

Deno.test("prepareShard: a hospital's own word for nothing found changes the reading and the manifest's record of it, not the shard", () =>
  withHospital(60, async ({ dir, lines, prepare }) => {
    const plain = await prepare();
    assertEquals("negative" in (await Shard.open(`${dir}/out/shard`)).manifest, false);
    lines.forEach((line, i) => lines[i] = i % 3 ? line : line.replace("No Finding", "Normal"));
    const counts = ({ labels }: typeof plain) =>
      labels.map(({ name, films, reading }) => [name, films, reading]);
    const misread = await prepare({ force: true });
    assertEquals([plain.positives, misread.positives], [20, 40]);
    assertEquals(counts(misread).at(-1), ["Normal", 20, "other"]);
    const { digest, positives, labels, splits } = await prepare({ force: true, negative: ["normal"] });
    assertEquals([digest, positives, splits], [plain.digest, 20, plain.splits]);
    assertEquals(counts({ labels } as typeof plain), [
      ["No Finding", 20, "no finding"],
      ["Normal", 20, "no finding"],
      ["Mass", 20, "finding"],
    ]);
    const { manifest } = await Shard.open(`${dir}/out/shard`, { verify: true });
    assertEquals([manifest.negative, manifest.labelRule, manifest.version], [["normal"], "any-finding", 2]);
    await assertRejects(() => prepare({ force: true, negative: ["Clear"] }), RangeError, "got no Clear");
    lines.splice(1, 1, lines[1].replace("Mass", "Mass|Normal"));
    const left = await prepare({ force: true, negative: ["Normal"] });
    assertEquals([left.quarantined.bad_label, counts(left)[2]], [1, ["Mass", 19, "finding"]]);
  }));

Deno.test("prepareShard: label names are counted in the films that stay, and told before the first is decoded", () =>
  withHospital(60, async ({ dir, lines, prepare }) => {
    await Deno.remove(`${dir}/images/f0.png`);
    lines[2] = lines[2].replace("Mass", "Rare");
    await Deno.writeTextFile(`${dir}/images/f1.png`, "no image");
    const told: string[] = [];
    const { labels } = await prepare({
      onProgress: () => told.push("film"),
      onEvent: (event) =>
        void (event.type === "labels" && told.push(...event.labels.map(({ name }) => name))),
    });
    assertEquals(told.slice(0, 4), ["No Finding", "Mass", "Rare", "film"]);
    assertEquals(labels.map(({ name, films }) => [name, films]), [["No Finding", 40], ["Mass", 18]]);
    assertEquals((await Shard.open(`${dir}/out/shard`)).manifest.unknownFindings, []);
  }));
