/**
 * fedx: hospitals train one chest-radiograph model together; no film leaves any of them.
 *
 * As a program: `fedx --help`. As a library: the parts below.
 */
export { type Layout, layoutOf, type NetworkName, type Tensor } from "./src/model/layout.ts";
export { digest } from "./src/files/digest.ts";
export { loadModel, type ModelMetadata, saveModel } from "./src/model/weights/model_file.ts";
export { preset, type Recipe } from "./src/model/recipe.ts";
export {
  auroc,
  bootstrap,
  operatingPoint,
  rocCurve,
  siteOnly,
  stratified,
} from "./src/model/metrics/metrics.ts";
export { DataSet } from "./src/model/data_set.ts";
export { Engine, type EngineConfig } from "./src/model/engine.ts";
export { type PrepareResult, prepareShard } from "./src/data/prepare.ts";
export { Shard, type Split } from "./src/data/shard.ts";
export { main } from "./src/cli/main.ts";

import { main } from "./src/cli/main.ts";

if (import.meta.main) Deno.exit(await main(Deno.args));
