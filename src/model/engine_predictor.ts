import { DataSet } from "./data_set.ts";
import { Engine, type Libraries } from "./engine.ts";
import type { Films, Model, Predictor } from "./predictor.ts";
import { preset } from "./recipe.ts";

/** Scores films with the native engine. */
export class EnginePredictor implements Predictor {
  readonly #engine: Engine;
  readonly #libraries: Libraries;
  readonly #size: number;

  private constructor(engine: Engine, libraries: Libraries, size: number) {
    this.#engine = engine;
    this.#libraries = libraries;
    this.#size = size;
  }

  /** Loads the weights into an engine of its own. @throws {NativeError} as `Engine.create` */
  static async create(
    { vector, metadata }: Model,
    options: { libraries: Libraries; device: "auto" | "cpu" | "cuda"; threads: number },
  ): Promise<EnginePredictor> {
    const { libraries, device, threads } = options;
    const { network, size, channels, preprocessing } = metadata;
    const engine = await Engine.create({
      ...{ network, size, channels, preprocessing, device, threads },
      precision: "fp32",
      seed: 0,
      silo: 0,
      recipe: preset("default"),
      classWeights: [1, 1],
    }, libraries);
    try {
      await engine.writeVector(vector);
    } catch (error) {
      engine[Symbol.dispose]();
      throw error;
    }
    return new EnginePredictor(engine, libraries, size);
  }

  async films(n: number): Promise<Films> {
    const data = await DataSet.create(this.#libraries, { n, size: this.#size });
    return {
      put: (first, pixels) => data.put(first, pixels),
      predict: (rows) => this.#engine.predict(data, rows),
      [Symbol.dispose]: () => data[Symbol.dispose](),
    };
  }

  [Symbol.dispose](): void {
    this.#engine[Symbol.dispose]();
  }
}
