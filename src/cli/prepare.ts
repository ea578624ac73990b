import { prepareShard } from "../data/prepare.ts";
import type { Values } from "./commands.ts";
import type { Context } from "./main.ts";
import { table } from "./table.ts";

/** Makes a shard of images and their labels. */
export async function run({ values, output, signal }: Context<Values<"prepare">>): Promise<void> {
  const result = await prepareShard({
    images: values.images,
    labels: values.labels,
    size: values.size,
    out: values.out,
    maxQuarantine: values["max-quarantine"],
    salt: values.salt,
    force: values.force ?? false,
    onProgress: (done, total) => output.progress("prepare", done, total),
    signal,
  });
  const left = Object.entries(result.quarantined).filter(([, count]) => count > 0);
  const rows = Object.entries(result.splits).map(([split, count]) => [
    split,
    String(count.images),
    String(count.patients),
    String(count.positives),
  ]);
  output.result(
    { ...result, shard: values.out },
    [
      table(["split", "images", "patients", "with a finding"], rows),
      `${values.out}: ${result.images} images of ${result.patients} patients, ${result.positives} with a finding`,
      left.length === 0
        ? "nothing left out"
        : `left out: ${left.map(([why, count]) => `${count} ${why}`).join(", ")}`,
    ].join("\n"),
  );
}
