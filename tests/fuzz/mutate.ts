/**
 * Hostile input: good bytes with bytes flipped, cut, repeated, put in and taken out, and lengths made huge.
 *
 * `FEDX_FUZZ` scales the number of cases (1 = a tenth of the full campaign, as in CI; 10 = all of it), `FEDX_SEED`
 * repeats one; a failure prints the smallest case that fast-check finds.
 */
import fc from "fast-check";
import { joinChunks } from "../../src/fed/wire/exchange.ts";

const SCALE = Number(Deno.env.get("FEDX_FUZZ") ?? 1);
const SEED = Number(Deno.env.get("FEDX_SEED") ?? 1);

/** One change; `at` is a place as a part of the length. */
type Edit = { kind: "flip" | "cut" | "drop" | "repeat" | "insert" | "huge"; at: number; value: number };

const edits: fc.Arbitrary<Edit[]> = fc.array(
  fc.record({
    kind: fc.constantFrom("flip", "cut", "drop", "repeat", "insert", "huge"),
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    value: fc.nat(255),
  }),
  { minLength: 1, maxLength: 4 },
);

/** A copy of `bytes` with the edits made, in order. */
function mutated(bytes: Uint8Array, list: readonly Edit[]): Uint8Array<ArrayBuffer> {
  let out = bytes.slice();
  for (const { kind, at, value } of list) {
    const place = Math.floor(at * out.length);
    const end = Math.min(out.length, place + 1 + value % 16);
    if (kind === "flip" && out.length > 0) out[place] ^= 1 << value % 8;
    else if (kind === "cut") out = out.slice(0, place);
    else if (kind === "drop") out = joinChunks([out.subarray(0, place), out.subarray(end)]);
    else if (kind === "repeat") out = joinChunks([out.subarray(0, end), out.subarray(place)]);
    else if (kind === "insert") {
      out = joinChunks([out.subarray(0, place), Uint8Array.of(value), out.subarray(place)]);
    } else out.fill(0xff, place, Math.min(out.length, place + 8));
  }
  return out;
}

/** Cases of a campaign whose full size is `count`. */
export const cases = (count: number) => Math.ceil(count * SCALE / 10);

/** Runs `check` on mutations of the samples. @param options `count` cases in the full campaign. */
export async function campaign(
  samples: readonly Uint8Array[],
  check: (bytes: Uint8Array<ArrayBuffer>) => void | Promise<void>,
  options: { count: number },
): Promise<void> {
  const property = fc.asyncProperty(fc.constantFrom(...samples), edits, async (sample, list) => {
    await check(mutated(sample, list));
  });
  await fc.assert(property, { numRuns: cases(options.count), seed: SEED });
}

/**
 * The same without awaiting, for parsers: ten times as fast.
 * @throws what `check` throws, with the smallest case.
 */
export function campaignSync(
  samples: readonly Uint8Array[],
  check: (bytes: Uint8Array<ArrayBuffer>) => void,
  options: { count: number },
): void {
  const property = fc.property(fc.constantFrom(...samples), edits, (sample, list) => {
    check(mutated(sample, list));
  });
  fc.assert(property, { numRuns: cases(options.count), seed: SEED });
}

/** What a hostile peer may put in a field's place. */
const HOSTILE: readonly unknown[] = [
  ...[null, true, "", "x", "__proto__", "constructor", "../../etc/passwd", "a\u0000b", "9".repeat(5000)],
  ...[
    -1,
    0.5,
    2 ** 53,
    1e308,
    -1e-308,
    [],
    {},
    [[[[]]]],
    { __proto__: 1 },
    "0".repeat(64),
    Array(2000).fill(1),
  ],
];

/** One field, chosen by `at`, with a hostile value in its place, gone, or with a key beside it. */
function spoiled(value: unknown, change: { at: number; kind: number; extra: string }): unknown {
  const copy = structuredClone(value);
  const fields: [Record<string, unknown>, string][] = [];
  const walk = (node: unknown) => {
    if (typeof node !== "object" || node === null) return;
    for (const key of Object.keys(node)) {
      fields.push([node as Record<string, unknown>, key]);
      walk((node as Record<string, unknown>)[key]);
    }
  };
  walk(copy);
  const [parent, key] = fields[Math.floor(change.at * fields.length)];
  if (change.kind < HOSTILE.length) parent[key] = HOSTILE[change.kind];
  else if (change.kind === HOSTILE.length) delete parent[key];
  else parent[change.extra] = 1;
  return copy;
}

/** Runs `check` on the JSON of `value` with one field spoiled. @param options `count` cases in the full campaign. */
export function campaignJson(
  value: object,
  check: (bytes: Uint8Array<ArrayBuffer>) => void,
  options: { count: number },
): void {
  const change = fc.record({
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    kind: fc.nat(HOSTILE.length + 1),
    extra: fc.string({ maxLength: 12 }),
  });
  const property = fc.property(change, (one) => {
    check(new TextEncoder().encode(JSON.stringify(spoiled(value, one))));
  });
  fc.assert(property, { numRuns: cases(options.count), seed: SEED });
}

/** @throws unless the error is a refusal: one of the classes, and a sentence that says what cannot be done. */
export function assertRefusal(error: unknown, classes: readonly (new (...args: never[]) => Error)[]): void {
  if (
    error instanceof Error && classes.some((one) => error.constructor === one) &&
    /^Cannot .{12,}/s.test(error.message)
  ) {
    return;
  }
  throw new Error(`not a refusal: ${error instanceof Error ? error.stack : error}`, { cause: error });
}
