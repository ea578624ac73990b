/**
 * native/fedx.h for Deno: one entry per function, parameters in order with their C names. A test compares the two.
 *
 * Why names beside types: a table of types alone hides a swapped pair of arguments.
 */

/** C type of a parameter as Deno passes it: numbers are u32, everything that is a pointer in C is a buffer. */
type Parameter = readonly [name: string, type: "u32" | "buffer"];
interface Signature {
  readonly parameters: readonly Parameter[];
  readonly result: "i32" | "u32";
  /** The call waits for the engine's thread: run it on Deno's pool, not on the event loop. */
  readonly nonblocking?: true;
}

const ERR = [["err", "buffer"], ["errlen", "u32"]] as const;

/** ABI version this table describes; equals FEDX_ABI_VERSION. */
export const ABI_VERSION = 4;

/** All functions of native/fedx.h. */
export const FUNCTIONS = {
  fedx_abi_version: { parameters: [], result: "i32" },
  fedx_build: { parameters: [["out", "buffer"], ["outlen", "u32"], ...ERR], result: "i32" },
  fedx_engine_create: {
    parameters: [["config", "buffer"], ["configlen", "u32"], ["engine", "buffer"], ...ERR],
    result: "i32",
    nonblocking: true,
  },
  fedx_engine_destroy: { parameters: [["engine", "u32"], ...ERR], result: "i32" },
  fedx_layout: {
    parameters: [["engine", "u32"], ["out", "buffer"], ["outlen", "u32"], ["needed", "buffer"], ...ERR],
    result: "i32",
  },
  fedx_engine_device: {
    parameters: [["engine", "u32"], ["out", "buffer"], ["outlen", "u32"], ...ERR],
    result: "i32",
  },
  fedx_state_read: {
    parameters: [["engine", "u32"], ["kind", "u32"], ["out", "buffer"], ["len", "u32"], ...ERR],
    result: "i32",
    nonblocking: true,
  },
  fedx_state_write: {
    parameters: [["engine", "u32"], ["kind", "u32"], ["in", "buffer"], ["len", "u32"], ...ERR],
    result: "i32",
    nonblocking: true,
  },
  fedx_data_create: {
    parameters: [["n", "u32"], ["h", "u32"], ["w", "u32"], ["data", "buffer"], ...ERR],
    result: "i32",
  },
  fedx_data_destroy: { parameters: [["data", "u32"], ...ERR], result: "i32" },
  fedx_data_put: {
    parameters: [["data", "u32"], ["first", "u32"], ["pixels", "buffer"], ["len", "u32"], ...ERR],
    result: "i32",
    nonblocking: true,
  },
  fedx_data_labels: {
    parameters: [["data", "u32"], ["first", "u32"], ["labels", "buffer"], ["len", "u32"], ...ERR],
    result: "i32",
  },
  fedx_train_submit: {
    parameters: [
      ["engine", "u32"],
      ["data", "u32"],
      ["plan", "buffer"],
      ["len", "u32"],
      ["ticket", "buffer"],
      ...ERR,
    ],
    result: "i32",
  },
  fedx_predict_submit: {
    parameters: [["engine", "u32"], ["data", "u32"], ["rows", "buffer"], ["count", "u32"], [
      "ticket",
      "buffer",
    ], ...ERR],
    result: "i32",
  },
  fedx_wait: {
    parameters: [["ticket", "u32"], ["out", "buffer"], ["len", "u32"], ...ERR],
    result: "i32",
    nonblocking: true,
  },
  fedx_cancel: { parameters: [["engine", "u32"], ...ERR], result: "i32" },
  fedx_live_handles: { parameters: [], result: "u32" },
  fedx_shutdown: { parameters: [], result: "i32" },
} as const satisfies Record<string, Signature>;

type Types<P extends readonly Parameter[]> = { -readonly [K in keyof P]: P[K][1] };
type Symbols = {
  [K in keyof typeof FUNCTIONS]: {
    parameters: Types<(typeof FUNCTIONS)[K]["parameters"]>;
    result: (typeof FUNCTIONS)[K]["result"];
    nonblocking: (typeof FUNCTIONS)[K] extends { nonblocking: true } ? true : false;
  };
};

/** The same table as `Deno.dlopen` takes it. */
export const SYMBOLS = Object.fromEntries(
  Object.entries<Signature>(FUNCTIONS).map(([name, { parameters, result, nonblocking }]) => [
    name,
    { parameters: parameters.map(([, type]) => type), result, nonblocking: nonblocking ?? false },
  ]),
) as unknown as Symbols;

/** Status codes of native/fedx.h (FEDX_E_…), by number. */
export const CODES = [
  "ok",
  "argument",
  "config",
  "handle",
  "not_built",
  "memory",
  "cancelled",
  "shutdown",
  "internal",
  "device",
] as const;
export type Code = typeof CODES[number];

/** FEDX_STATE_… of native/fedx.h. */
export const STATE = { params: 0, m: 1, v: 2, vmax: 3, scalars: 4 } as const;
