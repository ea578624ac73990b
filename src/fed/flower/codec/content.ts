/** Messages as objects: what is pushed, and what becomes of what was pulled. */
import { joinChunks } from "../../wire/exchange.ts";
import { damaged } from "./damaged.ts";
import { MESSAGE, type Metadata } from "./messages.ts";
import {
  decodeObject,
  encodeObject,
  type FlowerObject,
  objectId,
  type ObjectTree,
  type ObjectType,
} from "./object.ts";
import { decode, encode, type Message } from "./protobuf.ts";
import {
  decodeValues,
  encodeValues,
  type FlowerRecord,
  type NamedArray,
  type RecordDict,
} from "./records.ts";

/** Most bytes of an array in one object; receivers take any length. */
export const CHUNK = 5 << 20;

/** Objects by their ids. */
export type Objects = Map<string, Uint8Array>;

/** What a message says. */
export interface Said {
  metadata: Metadata;
  /** Absent in an error. */
  content?: RecordDict;
  error?: Message<typeof MESSAGE>["error"];
}

/** A message ready to be pushed. */
export interface Packed {
  /** With its id in the metadata. */
  message: Message<typeof MESSAGE>;
  tree: ObjectTree;
  objects: Objects;
}

/** Makes a message's objects. */
export function pack({ metadata, content, error }: Said): Packed {
  const objects: Objects = new Map();
  const put = (type: ObjectType, parts: readonly ObjectTree[], body: Uint8Array): ObjectTree => {
    const children = [...new Map(parts.map((part) => [part.id, part])).values()];
    const bytes = encodeObject({ type, children: children.map(({ id }) => id), body });
    const id = objectId(bytes);
    objects.set(id, bytes);
    return { id, children };
  };
  const body = encode(MESSAGE, {
    metadata: { ...metadata, message: "" },
    ...error !== undefined && { error },
  });
  const tree = put("Message", content === undefined ? [] : [packDict(content, put)], body);
  return {
    message: {
      metadata: { ...metadata, message: tree.id },
      ...content !== undefined && { content: {} },
      ...error !== undefined && { error },
    },
    tree,
    objects,
  };
}

type Put = (type: ObjectType, parts: readonly ObjectTree[], body: Uint8Array) => ObjectTree;
const json = (value: unknown) => new TextEncoder().encode(spaced(value));

/** JSON with the blanks that Python puts into it, so that equal records have equal ids on both sides. */
function spaced(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spaced).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${
    Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${spaced(one)}`).join(", ")
  }}`;
}

function packDict(content: RecordDict, put: Put): ObjectTree {
  const records = [...content].map(([name, record]) => [name, packRecord(record, put)] as const);
  return put("RecordDict", records.map(([, tree]) => tree), json(idsByName(records)));
}

const idsByName = (trees: readonly (readonly [string, ObjectTree])[]) =>
  Object.fromEntries(trees.map(([name, { id }]) => [name, id]));

function packRecord(record: FlowerRecord, put: Put): ObjectTree {
  if (record.type !== "ArrayRecord") return put(record.type, [], encodeValues(record.values));
  const arrays = record.arrays.map((array) => [array.name, packArray(array, put)] as const);
  return put("ArrayRecord", arrays.map(([, tree]) => tree), json(idsByName(arrays)));
}

function packArray({ npy, dtype, shape }: NamedArray, put: Put): ObjectTree {
  const chunks: ObjectTree[] = [];
  for (let at = 0; at < npy.length; at += CHUNK) {
    chunks.push(put("ArrayChunk", [], npy.subarray(at, at + CHUNK)));
  }
  const places = [...new Set(chunks.map(({ id }) => id))];
  const arraychunk_ids = chunks.map(({ id }) => places.indexOf(id));
  return put("Array", chunks, json({ dtype, shape, stype: "numpy.ndarray", arraychunk_ids }));
}

/**
 * Puts a message together from its objects, each of which is checked to have its id.
 *
 * @throws {SyntaxError} for an object that is missing, damaged, of the wrong type, or larger together than `most` bytes.
 */
export function unpack(id: string, objects: Objects, { most }: { most: number }): Said {
  let left = most;
  const take = (wanted: string, type: ObjectType): FlowerObject => {
    const bytes = objects.get(wanted);
    if (bytes === undefined || objectId(bytes) !== wanted) {
      throw damaged("a message", { got: "an object lacking" });
    }
    left -= bytes.length;
    if (left < 0) throw damaged("a message", { expected: `at most ${most} bytes`, got: "more" });
    const object = decodeObject(bytes);
    if (object.type === type) return object;
    throw damaged("a message", { expected: `an object ${type}`, got: object.type });
  };
  const { children, body } = take(id, "Message");
  const { metadata, error } = decode(MESSAGE, body);
  if (children.length > 1) throw damaged("a message", { expected: "one content", got: `${children.length}` });
  const said: Said = { metadata: { ...metadata, message: id }, ...error !== undefined && { error } };
  if (children.length === 0) return said;
  return { ...said, content: unpackDict(children[0], { objects, take }) };
}

interface Reading {
  objects: Objects;
  take(id: string, type: ObjectType): FlowerObject;
}

function unpackDict(id: string, reading: Reading): RecordDict {
  const dict = reading.take(id, "RecordDict");
  return new Map(named(dict).map(([name, child]) => [name, unpackRecord(child, reading)]));
}

/** The names and ids in the body of an object that holds others by name. */
function named({ children, body, type }: FlowerObject): [name: string, id: string][] {
  const known = new Set(children);
  const entries = Object.entries(parsed(body, type));
  if (!entries.every((entry): entry is [string, string] => known.has(entry[1] as string))) {
    throw damaged(`an object ${type}`, { expected: "ids of its children by name" });
  }
  return entries;
}

function parsed(body: Uint8Array, type: ObjectType): Record<string, unknown> {
  try {
    const value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch (cause) {
    throw damaged(`an object ${type}`, { expected: "JSON", cause });
  }
  throw damaged(`an object ${type}`, { expected: "an object of JSON" });
}

function unpackRecord(id: string, reading: Reading): FlowerRecord {
  const bytes = reading.objects.get(id);
  if (bytes === undefined) throw damaged("a message", { got: "an object lacking" });
  const { type } = decodeObject(bytes);
  if (type === "MetricRecord" || type === "ConfigRecord") {
    return { type, values: decodeValues(reading.take(id, type).body) };
  }
  const record = reading.take(id, "ArrayRecord");
  return {
    type: "ArrayRecord",
    arrays: named(record).map(([name, child]) => unpackArray(name, child, reading)),
  };
}

function unpackArray(name: string, id: string, { take }: Reading): NamedArray {
  const array = take(id, "Array");
  const { dtype, shape, stype, arraychunk_ids } = parsed(array.body, "Array");
  const places = Array.isArray(arraychunk_ids) ? arraychunk_ids : [-1];
  const sides = Array.isArray(shape) ? shape : [];
  const whole = [...places, ...sides].every(Number.isSafeInteger);
  const fits = places.length === array.children.length || new Set(places).size === array.children.length;
  if (
    stype !== "numpy.ndarray" || !whole || !fits ||
    !places.every((place) => array.children[place] !== undefined)
  ) {
    throw damaged("an array", { expected: "chunks of a numpy.ndarray" });
  }
  const chunks = places.map((place) => take(array.children[place], "ArrayChunk").body);
  return {
    name,
    npy: chunks.length === 1 ? chunks[0] : joinChunks(chunks),
    dtype: typeof dtype === "string" ? dtype : "",
    shape: sides,
  };
}
