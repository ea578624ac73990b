// Why: which network a run can afford is a question of the machines and the lines at hand, before any film is read.
import { layoutOf } from "../../model/layout.ts";
import { cores, findLibraries } from "../../model/libraries.ts";
import { NETWORK_NAMES, NETWORKS } from "../../model/networks/networks.ts";
import { isRefusal } from "../../refusal.ts";
import type { Context } from "../context.ts";
import type { networks as options } from "../options/table/networks.ts";
import { table } from "../output/table.ts";
import { measure } from "./networks/speed.ts";

/** Lists the networks; without an engine their sizes alone. */
export async function run({ values, output, signal }: Context<typeof options>): Promise<void> {
  const { size, batch, device, threads = cores() } = values;
  const libraries = await findLibraries().catch((error) => {
    if (!isRefusal(error)) throw error;
    output.line(`speed is not measured: ${error.message}`);
    return null;
  });
  const found = [];
  let computing: string | null = null;
  for (const [index, name] of NETWORK_NAMES.entries()) {
    signal.throwIfAborted();
    output.progress("networks", index, NETWORK_NAMES.length);
    const { length, weights } = layoutOf(name, { channels: 1 });
    const measured = libraries && await measure(name, { libraries, device, threads, size, batch });
    computing = measured?.device ?? null;
    const { title } = NETWORKS[name];
    found.push({
      ...{ name, title, parameters: weights, bytes: 4 * length },
      images_per_second: measured && { training: measured.training, scoring: measured.scoring },
    });
  }
  output.progress("networks", NETWORK_NAMES.length, NETWORK_NAMES.length);
  const speed = (images: number | undefined) => images === undefined ? "–" : images.toFixed(1);
  output.result(
    { networks: found, device: computing, threads, size, batch },
    [
      table(
        [
          "--network",
          "name",
          "million parameters",
          "MB each way a round",
          "images/s trained",
          "images/s scored",
        ],
        found.map(({ name, title, parameters, bytes, images_per_second }) => [
          ...[name, title, (parameters / 1e6).toFixed(2), (bytes / 1e6).toFixed(1)],
          ...[speed(images_per_second?.training), speed(images_per_second?.scoring)],
        ]),
      ),
      ...computing === null
        ? []
        : [`measured on ${computing}, ${threads} threads: ${size} px, batches of ${batch}`],
    ].join("\n"),
  );
}
