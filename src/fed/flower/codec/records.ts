/**
 * Flower's records: named arrays, and named values in protobuf. A message's content is a dict of records.
 *
 * Whole numbers are bigint here and others number, since Flower's apps tell 1 from 1.0.
 */
import { damaged } from "./damaged.ts";
import { decode, encode, type Message, type Table } from "./protobuf.ts";

/** A value of a metric or config record. */
export type RecordValue = number | bigint | boolean | string | Uint8Array | RecordValue[];

/** An array as its .npy file. */
export interface NamedArray {
  name: string;
  npy: Uint8Array;
  /** As Flower's JSON of it has them; apps of NumPyClient leave them empty. */
  dtype: string;
  shape: readonly number[];
}

export type FlowerRecord =
  | { type: "ArrayRecord"; arrays: NamedArray[] }
  | { type: "MetricRecord" | "ConfigRecord"; values: Map<string, RecordValue> };

/** A message's content: records by their names, in order. */
export type RecordDict = Map<string, FlowerRecord>;

const list = (holds: "double" | "s64" | "u64" | "bool" | "str" | "bytes") =>
  ({ values: { no: 1, holds, many: true } }) as const;
/** One of these holds the value. */
const VALUE = {
  double: { no: 1, holds: "double", may: true },
  s64: { no: 2, holds: "s64", may: true },
  u64: { no: 3, holds: "u64", may: true },
  bool: { no: 4, holds: "bool", may: true },
  str: { no: 5, holds: "str", may: true },
  bytes: { no: 6, holds: "bytes", may: true },
  doubles: { no: 21, holds: list("double"), may: true },
  s64s: { no: 22, holds: list("s64"), may: true },
  u64s: { no: 23, holds: list("u64"), may: true },
  bools: { no: 24, holds: list("bool"), may: true },
  strs: { no: 25, holds: list("str"), may: true },
  bytess: { no: 26, holds: list("bytes"), may: true },
} as const satisfies Table;
const VALUES = {
  items: { no: 1, holds: { name: { no: 1, holds: "str" }, value: { no: 2, holds: VALUE } }, many: true },
} as const satisfies Table;

/** The body of a metric or config record. */
export function encodeValues(values: ReadonlyMap<string, RecordValue>): Uint8Array<ArrayBuffer> {
  return encode(VALUES, {
    items: [...values].map(([name, value]) => ({ name, value: heldBy(value) })),
  });
}

/** @throws {SyntaxError} unless the body is a metric or config record. */
export function decodeValues(body: Uint8Array): Map<string, RecordValue> {
  const { items } = decode(VALUES, body);
  return new Map(items.map(({ name, value }): [string, RecordValue] => {
    const [held, ...more] = Object.values(value);
    if (held === undefined || more.length > 0) throw damaged("a record", { expected: "one value a name" });
    if (typeof held !== "object" || held instanceof Uint8Array) return [name, held];
    return [name, [...held.values]];
  }));
}

function heldBy(value: RecordValue): Message<typeof VALUE> {
  if (Array.isArray(value)) {
    const [name] = Object.keys(value.length === 0 ? { double: 0 } : heldBy(value[0]));
    return { [`${name}s`]: { values: value } };
  }
  if (typeof value === "number") return { double: value };
  if (typeof value === "bigint") return { s64: value };
  if (typeof value === "boolean") return { bool: value };
  return typeof value === "string" ? { str: value } : { bytes: value };
}
