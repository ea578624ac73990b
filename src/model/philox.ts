/**
 * Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): every random number of fedx.
 *
 * Why counter-based: a number depends only on who asks for which element of what, never on threads, batch split or
 * what was drawn before, and C++, TypeScript and numpy give the same bits (tests/golden/philox.json).
 */

/** What a stream is for; the upper half of the counter's last word. Numbers are never reused. */
export const PURPOSE = {
  init: 1,
  shuffle: 2,
  dropout: 3,
  depth: 4,
  augment: 5,
  bootstrap: 6,
  phantom: 7,
  measure: 8,
} as const;

/** Names one random stream under a key. */
export interface Stream {
  /** A value of `PURPOSE`. */
  purpose: number;
  /** Tensor or layer index, < 2^16. @default {0} */
  index?: number;
  /** Step since the run's start. @default {0} */
  step?: number;
  /** Position in the batch. @default {0} */
  position?: number;
}

/** Who draws: the run's seed, and the silo's number (0 for the aggregator and `local`); both u32. */
export interface StreamKey {
  seed: number;
  silo: number;
}

/** Upper 32 bits of the 64-bit product of two u32, exact. */
export function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff, aHigh = a >>> 16, bLow = b & 0xffff, bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = (middle & 0xffff) + aLow * bHigh;
  return (aHigh * bHigh + (middle >>> 16) + (carry >>> 16)) >>> 0;
}

/**
 * One block: writes the four u32 of `counter` under `key` to `out[0..3]`.
 */
export function philox(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
  out: Uint32Array,
): void {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(0xd2511f53, c0 >>> 0), low0 = Math.imul(0xd2511f53, c0);
    const high1 = mulHigh(0xcd9e8d57, c2 >>> 0), low1 = Math.imul(0xcd9e8d57, c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1 >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0 >>> 0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/**
 * The first `count` u32 of a stream: element i is word i mod 4 of the block whose counter is
 * (⌊i/4⌋, position, step, purpose · 2^16 + index).
 *
 * @throws {RangeError} when a part of the key or stream does not fit its field.
 */
export function words(key: StreamKey, stream: Stream, count: number): Uint32Array<ArrayBuffer> {
  const { purpose, index = 0, step = 0, position = 0 } = stream;
  checkField("purpose", purpose, 0xffff);
  checkField("index", index, 0xffff);
  const parts = { step, position, seed: key.seed, silo: key.silo };
  for (const [name, value] of Object.entries(parts)) checkField(name, value, 0xffffffff);
  const out = new Uint32Array(count);
  const block = new Uint32Array(4);
  const counter: [number, number, number, number] = [0, position, step, purpose * 65536 + index];
  const pair = [key.seed, key.silo] as const;
  for (let i = 0; i < count; i += 4) {
    counter[0] = i >>> 2;
    philox(counter, pair, block);
    for (let j = 0; j < 4 && i + j < count; j++) out[i + j] = block[j];
  }
  return out;
}

/** The same elements as uniforms in [0, 1): (x >>> 8) · 2^-24, exact in f32. */
export function uniforms(key: StreamKey, stream: Stream, count: number): Float32Array<ArrayBuffer> {
  const drawn = words(key, stream, count);
  const out = new Float32Array(drawn.buffer); // in place: each word's 4 bytes become its uniform
  for (let i = 0; i < count; i++) out[i] = (drawn[i] >>> 8) * 2 ** -24;
  return out;
}

function checkField(name: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new RangeError(`Cannot draw random words: expected ${name} in 0…${max}, got ${value}`);
  }
}
