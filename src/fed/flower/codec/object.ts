/**
 * Flower's objects: what a message is made of, each found by the SHA-256 of its bytes.
 *
 * An object is a line `<type> <ids of its children, with commas> <bytes of its body>`, a zero byte, and the body.
 */
import { digest } from "../../../files/digest.ts";
import { damaged } from "./damaged.ts";
import { decode, encode, type Table } from "./protobuf.ts";

export const OBJECT_TYPES = [
  "ArrayChunk",
  "Array",
  "ArrayRecord",
  "MetricRecord",
  "ConfigRecord",
  "RecordDict",
  "Message",
] as const;
export type ObjectType = typeof OBJECT_TYPES[number];

/** An object taken apart. */
export interface FlowerObject {
  type: ObjectType;
  /** Ids of the objects that it is made of, each once, in the order of their first use. */
  children: string[];
  body: Uint8Array;
}

/** An object's id and those below it. */
export interface ObjectTree {
  id: string;
  children: ObjectTree[];
}

/** Bytes of the longest first line: ids of 8,000 children. */
const HEAD = 1 << 19;
/** Levels of the deepest tree: message, dict, record, array, chunk. */
const LEVELS = 5;
/** Objects of a message: several times what the largest network has. */
export const MOST_OBJECTS = 20_000;
const ID = /^[0-9a-f]{64}$/;

/** The bytes of an object. */
export function encodeObject({ type, children, body }: FlowerObject): Uint8Array<ArrayBuffer> {
  const head = new TextEncoder().encode(`${type} ${children.join(",")} ${body.length}\0`);
  const bytes = new Uint8Array(head.length + body.length);
  bytes.set(head);
  bytes.set(body, head.length);
  return bytes;
}

/** The id of an object's bytes. */
export const objectId = (bytes: Uint8Array): string => digest(bytes);

/**
 * Takes an object apart; the body is a view.
 *
 * @throws {SyntaxError} unless the bytes are one whole object.
 */
export function decodeObject(bytes: Uint8Array): FlowerObject {
  const end = bytes.subarray(0, HEAD).indexOf(0);
  const head = new TextDecoder("latin1").decode(bytes.subarray(0, Math.max(0, end)));
  const [, type, ids, length] = /^([A-Za-z]{1,20}) ([0-9a-f,]*) (\d{1,10})$/.exec(head) ?? [];
  const known = OBJECT_TYPES.find((one) => one === type);
  if (known === undefined) throw damaged("an object", { expected: OBJECT_TYPES.join(", ") });
  const children = ids === "" ? [] : ids.split(",");
  if (!children.every((id) => ID.test(id)) || new Set(children).size < children.length) {
    throw damaged("an object", { expected: "children's ids, each once" });
  }
  const body = bytes.subarray(end + 1);
  if (body.length === Number(length)) return { type: known, children, body };
  throw damaged("an object", { expected: `a body of ${length} bytes`, got: `${body.length}` });
}

const TREE = {
  id: { no: 1, holds: "str" },
  children: { no: 2, holds: "bytes", many: true },
} as const satisfies Table;

/** The bytes of a tree as messages carry them. */
export function encodeTree({ id, children }: ObjectTree): Uint8Array {
  return encode(TREE, { id, children: children.map(encodeTree) });
}

/** @throws {SyntaxError} unless the bytes are a tree of ids, no deeper than a message. */
export function decodeTree(bytes: Uint8Array, level = 1): ObjectTree {
  if (level > LEVELS) throw damaged("a tree of objects", { expected: `${LEVELS} levels`, got: "more" });
  const { id, children } = decode(TREE, bytes);
  if (!ID.test(id)) throw damaged("a tree of objects", { expected: "ids" });
  return { id, children: children.map((child) => decodeTree(child, level + 1)) };
}

/** Every id of a tree once, children before those that hold them. */
export function idsOf(tree: ObjectTree, found: Set<string> = new Set()): Set<string> {
  for (const child of tree.children) idsOf(child, found);
  return found.add(tree.id);
}
