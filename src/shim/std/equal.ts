/**
 * Deep structural equality behind the stand-in assertions.
 *
 * Why: `@std/assert` counts 0 and -0 as equal, NaN as equal to NaN, and an object without a prototype as equal
 * to a plain one; `isDeepStrictEqual` of Node differs in the first and the last.
 */

/** True when `a` and `b` have the same structure and values; cycles are followed once. */
export function equal(a: unknown, b: unknown): boolean {
  const seen = new Map<unknown, unknown>();
  return compare(a, b, seen);
}

function compare(a: unknown, b: unknown, seen: Map<unknown, unknown>): boolean {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (!sameKind(a, b)) return false;
  if (seen.get(a) === b) return true;
  seen.set(a, b);
  if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime());
  if (a instanceof RegExp && b instanceof RegExp) return String(a) === String(b);
  if (a instanceof URL && b instanceof URL) return a.href === b.href;
  if (a instanceof Error && b instanceof Error && a.message !== b.message) return false;
  if (a instanceof WeakMap || a instanceof WeakSet || a instanceof WeakRef) return false;
  if (ArrayBuffer.isView(a) && ArrayBuffer.isView(b)) return sameView(a, b);
  if (a instanceof ArrayBuffer && b instanceof ArrayBuffer) {
    return sameView(new Uint8Array(a), new Uint8Array(b));
  }
  if (a instanceof Set && b instanceof Set) return sameSet(a, b, seen);
  if (a instanceof Map && b instanceof Map) return sameMap(a, b, seen);
  return sameKeys(a, b, seen);
}

function sameKind(a: object, b: object): boolean {
  const of = (value: object) => value.constructor ?? Object;
  return of(a) === of(b);
}

function sameView(a: ArrayBufferView, b: ArrayBufferView): boolean {
  if (a.byteLength !== b.byteLength) return false;
  if (a instanceof DataView || b instanceof DataView) {
    const bytes = (v: ArrayBufferView) => new Uint8Array(v.buffer, v.byteOffset, v.byteLength);
    return bytes(a).every((value, i) => value === bytes(b)[i]);
  }
  const [x, y] = [a, b] as unknown as [ArrayLike<number | bigint>, ArrayLike<number | bigint>];
  for (let i = 0; i < x.length; i++) {
    if (x[i] !== y[i] && !(Number.isNaN(x[i]) && Number.isNaN(y[i]))) return false;
  }
  return true;
}

function sameSet(a: Set<unknown>, b: Set<unknown>, seen: Map<unknown, unknown>): boolean {
  if (a.size !== b.size) return false;
  const rest = [...b];
  return [...a].every((value) => {
    const at = rest.findIndex((other) => compare(value, other, new Map(seen)));
    if (at < 0) return false;
    rest.splice(at, 1);
    return true;
  });
}

function sameMap(a: Map<unknown, unknown>, b: Map<unknown, unknown>, seen: Map<unknown, unknown>): boolean {
  if (a.size !== b.size) return false;
  const primitive = [...a.keys()].every((key) => typeof key !== "object");
  if (primitive) return [...a].every(([key, value]) => b.has(key) && compare(value, b.get(key), seen));
  return sameSet(new Set(a), new Set(b), seen);
}

function sameKeys(a: object, b: object, seen: Map<unknown, unknown>): boolean {
  const keys = (value: object) => Reflect.ownKeys(value).filter((key) => Object.hasOwn(value, key));
  const visible = (value: object) =>
    keys(value).filter((key) => Object.getOwnPropertyDescriptor(value, key)?.enumerable);
  const [left, right] = [visible(a), visible(b)];
  if (left.length !== right.length) return false;
  return left.every((key) =>
    Object.hasOwn(b, key) && compare(Reflect.get(a, key), Reflect.get(b, key), seen)
  );
}
