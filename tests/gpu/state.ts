/** All of an engine's state: what its public face shows, and what only a check looks at. */
import type { Engine, Libraries } from "../../src/model/engine.ts";
import { bytesOf, checkAsync, openLibrary } from "../../src/shim/library.ts";
import { STATE } from "../../src/shim/symbols.ts";

/** Adam's step count, the loss scale, and the good steps since it changed. */
export interface Scalars {
  steps: number;
  scale: number;
  good: number;
}

/** Everything that a step changes. */
export interface State {
  vector: Float32Array;
  m: Float32Array;
  v: Float32Array;
  vmax: Float32Array;
  scalars: Scalars;
}

async function read<T extends Float32Array | Float64Array>(
  libs: Libraries,
  engine: Engine,
  kind: keyof typeof STATE,
  out: T,
): Promise<T> {
  const { symbols } = openLibrary(libs), bytes = bytesOf(out);
  await checkAsync(
    "fedx_state_read",
    (err, errlen) => symbols.fedx_state_read(engine.id, STATE[kind], bytes, bytes.length, err, errlen),
  );
  return out;
}

async function write(
  libs: Libraries,
  engine: Engine,
  kind: keyof typeof STATE,
  values: Float32Array | Float64Array,
): Promise<void> {
  const { symbols } = openLibrary(libs), bytes = bytesOf(values);
  await checkAsync(
    "fedx_state_write",
    (err, errlen) => symbols.fedx_state_write(engine.id, STATE[kind], bytes, bytes.length, err, errlen),
  );
}

export async function readScalars(libs: Libraries, engine: Engine): Promise<Scalars> {
  const [steps, scale, good] = await read(libs, engine, "scalars", new Float64Array(3));
  return { steps, scale, good };
}

export function writeScalars(libs: Libraries, engine: Engine, scalars: Scalars): Promise<void> {
  const { steps, scale, good } = scalars;
  return write(libs, engine, "scalars", Float64Array.of(steps, scale, good));
}

export async function readState(libs: Libraries, engine: Engine): Promise<State> {
  const moment = (kind: "m" | "v" | "vmax") =>
    read(libs, engine, kind, new Float32Array(engine.layout.weights));
  return {
    vector: await engine.readVector(),
    ...{ m: await moment("m"), v: await moment("v"), vmax: await moment("vmax") },
    scalars: await readScalars(libs, engine),
  };
}

export async function writeState(libs: Libraries, engine: Engine, state: State): Promise<void> {
  await engine.writeVector(state.vector);
  for (const kind of ["m", "v", "vmax"] as const) await write(libs, engine, kind, state[kind]);
  await writeScalars(libs, engine, state.scalars);
}
