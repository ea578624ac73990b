/**
 * A silo's masked update, from the file of its update to the file that it uploads: y = n·q + masks modulo 2^64. Only a
 * stretch of it is in memory at a time.
 */
import { createHash } from "node:crypto";
import type { Layout } from "../../model/layout.ts";
import { renameDurably } from "../../files/durable.ts";
import { removeIfThere } from "../../files/exists.ts";
import { freeMemory } from "../../files/free_memory.ts";
import { PRIVATE_FILE } from "../../files/private.ts";
import { writeAll } from "../../files/whole.ts";
import { fixedPoint } from "../maths/masked_sum.ts";
import type { Scale } from "../protocol/messages.ts";
import { StretchReader } from "../state/stretch_reader.ts";
import { type MaskContext, type MaskPeer, Masks, STRETCH } from "./mask.ts";

export interface MaskedUpdateOptions {
  /** The file of Δ, f32 in layout order; null for a silo without a step in the row, whose q is 0. */
  delta: string | null;
  /** The file to write; what is there is replaced once all of it is on the disk. */
  out: string;
  layout: Layout;
  /** The row's exponents. */
  scale: Scale;
  /** Training images n ≥ 1. */
  examples: number;
  /** The silo's own number in the proposal's order, from 1. */
  number: number;
  /** Of its X25519 key, PKCS#8 in hex. */
  privateKey: string;
  /** All others of the roster. */
  peers: readonly MaskPeer[];
  context: MaskContext;
}

/** SHA-256 hex. */
export interface MaskedUpdate {
  /** Of y, as it lies on the disk. */
  sha256: string;
  /** Of the Δ that was read, for the caller to compare; null where there was none. */
  delta: string | null;
}

/**
 * Writes y, synced, under its name.
 * @throws {ProtocolError} `out_of_range` naming the tensor, before anything of that stretch is masked; `not_agreed` for a
 * peer's key that gives no secret; `damaged_state` for a file of Δ of another size. Nothing is written then.
 */
export async function writeMasked(options: MaskedUpdateOptions): Promise<MaskedUpdate> {
  const { out, delta, layout } = options;
  const masks = await Masks.of(options, options);
  const expected = { bytes: layout.length * 4, stretch: STRETCH * 4, what: "the update" };
  const reader = delta === null ? null : await StretchReader.open(delta, expected);
  const partial = `${out}.partial`;
  try {
    await removeIfThere(partial); // what a kill left behind
    const sha256 = await writePartial(partial, { ...options, masks, reader });
    await renameDurably(partial, out);
    return { sha256, delta: reader?.digest() ?? null };
  } catch (error) {
    await removeIfThere(partial).catch(() => {}); // the first failure is the one to tell
    throw error;
  } finally {
    await reader?.close();
  }
}

async function writePartial(
  path: string,
  options: MaskedUpdateOptions & { masks: Masks; reader: StretchReader | null },
): Promise<string> {
  const { layout, masks, reader } = options;
  const digest = createHash("sha256");
  const buffer = new BigUint64Array(STRETCH);
  using file = await Deno.open(path, { write: true, createNew: true, mode: PRIVATE_FILE });
  for (let first = 0; first < layout.length; first += STRETCH) {
    const values = buffer.subarray(0, Math.min(STRETCH, layout.length - first));
    if (reader === null) values.fill(0n);
    else {
      const bytes = await reader.next();
      fixedPoint(new Float32Array(bytes.buffer, 0, values.length), { ...options, first, out: values });
    }
    await masks.add(values, first);
    const bytes = new Uint8Array(buffer.buffer, 0, values.byteLength);
    digest.update(bytes);
    await writeAll(file, bytes);
  }
  await file.sync();
  freeMemory(buffer);
  return digest.digest("hex");
}
