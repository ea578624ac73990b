/**
 * Canonical JSON (RFC 8785): the one byte string that a digest of a value is taken of. Keys are sorted by UTF-16 code
 * units, numbers and strings are written as ECMAScript does, nothing is white space.
 *
 * Why not a package: those that write this form follow `JSON.stringify` in what they leave out. They drop undefined
 * members, turn dates into strings and maps into `{}`, so that two different values can have one digest. To refuse
 * those, the whole value has to be walked here all the same, and that walk writes it.
 */
import { digest } from "./digest.ts";

/** Deeper values than any that fedx writes are refused instead of exhausting the stack. */
const MAX_DEPTH = 64;

/**
 * The canonical text of a JSON value.
 * @throws {TypeError} for anything that JSON cannot hold: NaN, ±Inf, undefined, functions, bigints, class instances,
 * lone surrogates, sparse arrays.
 */
export function canonical(value: unknown): string {
  return write(value, "value", 0);
}

/** SHA-256 hex of the canonical text in UTF-8. */
export function canonicalDigest(value: unknown): string {
  return digest(canonical(value));
}

function write(value: unknown, path: string, depth: number): string {
  if (depth > MAX_DEPTH) throw refuse(path, "at most 64 levels", "more");
  switch (typeof value) {
    case "string":
      if (!value.isWellFormed()) throw refuse(path, "well-formed Unicode", "a lone surrogate");
      return JSON.stringify(value);
    case "number":
      if (!Number.isFinite(value)) throw refuse(path, "a finite number", String(value));
      return JSON.stringify(value);
    case "boolean":
      return String(value);
    case "object":
      if (value === null) return "null";
      return Array.isArray(value) ? writeArray(value, path, depth) : writeObject(value, path, depth);
    default:
      throw refuse(path, "a JSON value", typeof value);
  }
}

function writeArray(array: unknown[], path: string, depth: number): string {
  const parts: string[] = [];
  for (let i = 0; i < array.length; i++) parts.push(write(array[i], `${path}.${i}`, depth + 1));
  return `[${parts.join(",")}]`;
}

function writeObject(object: object, path: string, depth: number): string {
  const prototype = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) {
    throw refuse(path, "a plain object", object.constructor?.name ?? "an instance");
  }
  // Array.prototype.sort without a comparator compares UTF-16 code units, as RFC 8785 §3.2.3 asks.
  const parts = Object.keys(object).sort().map((key) => {
    if (!key.isWellFormed()) throw refuse(path, "well-formed keys", "a lone surrogate");
    const inner = write((object as Record<string, unknown>)[key], `${path}.${key}`, depth + 1);
    return `${JSON.stringify(key)}:${inner}`;
  });
  return `{${parts.join(",")}}`;
}

function refuse(path: string, expected: string, got: string): TypeError {
  return new TypeError(`Cannot write canonical JSON at ${path}: expected ${expected}, got ${got}`);
}
