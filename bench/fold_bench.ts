/**
 * How long does closing a round take: three updates of 4.05 M values, checked, summed exactly and averaged? In memory
 * (`fold`), from staged files to a synced file with its digest (`foldFiles`), beside the same mean in plain float64,
 * which is neither exact nor independent of the order of arrival.
 */
import { digest } from "../src/files/digest.ts";
import { delta, fold, scaleFor } from "../src/fed/maths/exact_sum.ts";
import { foldFiles } from "../src/fed/aggregator/fold_files.ts";
import { layoutOf } from "../src/model/layout.ts";

const layout = layoutOf("efficientnet_b0", { channels: 1 });
const EXAMPLES = [1500, 1200, 900];
const total = EXAMPLES.reduce((a, b) => a + b);
const base = Float32Array.from({ length: layout.length }, (_, i) => Math.sin(i));
const updates = EXAMPLES.map((examples, k) => ({
  values: Float32Array.from({ length: layout.length }, (_, i) => Math.sin(i * (k + 2)) * 1e-3),
  examples,
}));
const scale = scaleFor(total);
const group = "fold, 3 × 4.05 M values";

Deno.bench("plain float64 mean", { group, baseline: true }, () => {
  const out = new Float32Array(layout.length);
  for (let i = 0; i < out.length; i++) {
    let sum = 0;
    for (const { values, examples } of updates) sum += examples * values[i];
    out[i] = base[i] + sum / total;
  }
});

Deno.bench("fold, exact, in memory", { group }, () => {
  fold(base, updates, { layout, scale });
});

Deno.bench("delta, checked", { group }, () => {
  delta(updates[0].values, updates[1].values, layout);
});

Deno.bench("foldFiles, to a synced file with its digest", { group }, async (b) => {
  const dir = await Deno.makeTempDir();
  try {
    const staged = [];
    for (const [k, { values, examples }] of updates.entries()) {
      const path = `${dir}/${k}.f32`;
      await Deno.writeFile(path, new Uint8Array(values.buffer));
      staged.push({ path, examples, sha256: digest(values) });
    }
    const old = { path: `${dir}/base.f32`, sha256: digest(base) };
    await Deno.writeFile(old.path, new Uint8Array(base.buffer));
    b.start();
    await foldFiles(staged, { base: old, layout, scale, out: `${dir}/new` });
    b.end();
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
