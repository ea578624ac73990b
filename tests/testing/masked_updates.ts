/** Masked updates of the roster of tests/golden/masks.json, whose private keys are fixed. */
import { canonicalDigest } from "../../src/files/canonical.ts";
import type { MaskContext, MaskPeer } from "../../src/fed/masks/mask.ts";
import { rosterDigest } from "../../src/fed/masks/roster_digest.ts";
import { writeMasked } from "../../src/fed/masks/write_masked.ts";
import { type Ready, ReadySchema } from "../../src/fed/protocol/ready.ts";
import { parseMessage } from "../../src/fed/protocol/parse_message.ts";
import type { Layout } from "../../src/model/layout.ts";
import golden from "../golden/masks.json" with { type: "json" };

export { golden };
export const SCALE = golden.scale;
export const LAYOUT = layoutOfTwo(golden.layout.weights, golden.layout.length);
export const READIES: Ready[] = golden.readies.map((ready) =>
  parseMessage(ReadySchema, JSON.stringify(ready), { what: "a ready" })
);
export const CONTEXT: MaskContext = { plan: golden.plan, row: golden.row, roster: rosterDigest(READIES) };

/** One tensor of weights and one of statistics. */
export function layoutOfTwo(weights: number, length: number): Layout {
  const tensor = (name: string, offset: number, end: number, kind: "weight" | "statistic") => ({
    name,
    shape: [end - offset],
    offset,
    length: end - offset,
    kind,
    group: "backbone" as const,
  });
  const tensors = [
    tensor("a.weight", 0, weights, "weight"),
    tensor("b.running_mean", weights, length, "statistic"),
  ];
  return { network: "efficientnet_b0", channels: 1, tensors, length, weights };
}

/** The update of member `k` that masks.py makes: ties at every third value, large ones at every seventh. */
export function goldenDelta(k: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: LAYOUT.length }, (_, i) => {
    const half = i < LAYOUT.weights ? 2 ** -33 : 2 ** -21;
    const small = (i * (k + 7) % 65_521 - 32_760) * 2 ** -24;
    if (i % 3 === 0) return (i % 4001 - 2000) * half;
    return i % 7 === 0 ? small * 2 ** 18 : small;
  });
}

/** The context of another row of the same run. */
export function rowContext(row: number): MaskContext {
  return { ...CONTEXT, row: canonicalDigest({ row }) };
}

/** The other members of the roster as member `k` sees them. */
export function peersOf(k: number, members = READIES.map((_, index) => index)): MaskPeer[] {
  return members.filter((index) => index !== k).map((index) => ({
    number: golden.numbers[index],
    publicKey: READIES[index].publicKey,
  }));
}

/**
 * Writes the masked update of member `k` of the roster.
 * @param options.delta Its Δ; null for none. @param options.out File to write; Δ lies beside it.
 * @param options.members Whom the roster holds. @default all
 */
export async function maskedUpdate(
  k: number,
  options: {
    delta: Float32Array<ArrayBuffer> | null;
    out: string;
    layout?: Layout;
    examples?: number;
    context?: MaskContext;
    members?: number[];
    privateKey?: string;
  },
): Promise<{ sha256: string; delta: string | null; y: BigUint64Array<ArrayBuffer> }> {
  const { delta, out, members } = options;
  const path = delta === null ? null : `${out}.delta`;
  if (path !== null) await Deno.writeFile(path, new Uint8Array(delta!.buffer));
  const written = await writeMasked({
    layout: LAYOUT,
    scale: SCALE,
    examples: golden.examples[k],
    number: golden.numbers[k],
    privateKey: golden.privateKeys[k],
    context: CONTEXT,
    ...options,
    delta: path,
    peers: peersOf(k, members),
  });
  return { ...written, y: new BigUint64Array((await Deno.readFile(out)).buffer) };
}
