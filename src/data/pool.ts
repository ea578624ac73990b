/**
 * The films of one shard, or of several, as one set: rows in shard order, patients kept apart between shards.
 *
 * Why one set: training and scoring then need not know how many shards there are. A film that stood in it twice would
 * make every interval narrower than the truth, so no shard is taken twice.
 */
import { checkKernel } from "../kernel.ts";
import { type PixelBlock, Shard, type Split, SPLITS } from "./shard.ts";

/** One or more shards as one set of films. */
export interface Pool {
  /** What messages call it: the folders of its shards. */
  name: string;
  /** Height and width of a film, pixels. */
  size: number;
  /** How its films were made (src/kernel.ts). */
  kernel: string;
  /** Films. */
  count: number;
  /** The rows of each split, ascending. */
  rows: Record<Split, Uint32Array<ArrayBuffer>>;
  /** (N) u8: 1 for films that are positive by the label rule. */
  labels: Uint8Array;
  /** (N) u32: no number stands for patients of two shards. */
  patients: Uint32Array;
  /** (N) u32: the number of the shard that a film is from; absent for one shard. */
  strata?: Uint32Array;
  /** All pixels in row order, in blocks of whole films. */
  pixelBlocks(): AsyncIterable<PixelBlock>;
}

/** Opens shards and checks every byte of them. @throws {Error} naming the one that is damaged, or given twice. */
export async function openShards(
  dirs: readonly string[],
  options: { signal?: AbortSignal } = {},
): Promise<Shard[]> {
  const shards: Shard[] = [];
  for (const dir of dirs) {
    const shard = await Shard.open(dir, { verify: true, ...options });
    const twin = shards.find(({ manifest }) => manifest.digest === shard.manifest.digest);
    if (twin !== undefined) {
      throw new Error(
        `Cannot take ${dir} beside ${twin.dir}: expected different shards, got the same films twice; leave out one --shard.`,
      );
    }
    shards.push(shard);
  }
  return shards;
}

/**
 * @param options.labelRule which films are positive @default any finding
 * @throws {RangeError} when the shards' films differ in size, or one cannot answer the label rule
 * @throws {Error} when they differ in their kernel
 */
export function poolOf(shards: readonly Shard[], options: { labelRule?: string } = {}): Pool {
  const [{ size }] = shards;
  const other = shards.find((shard) => shard.size !== size);
  if (other !== undefined) {
    throw new RangeError(
      `Cannot pool shards: expected all of ${size} px, got one of ${other.size} px; prepare it again`,
    );
  }
  checkSameKernel(shards);
  const { strata, ...columns } = columnsOf(shards, options.labelRule);
  return {
    name: shards.map(({ dir }) => dir).join(", "),
    size,
    kernel: shards[0].manifest.kernel,
    ...columns,
    ...shards.length > 1 && { strata },
    pixelBlocks: () => pixelBlocks(shards),
  };
}

/** @throws {Error} naming the first shard whose films were made otherwise than those of the first */
export function checkSameKernel(shards: readonly Pick<Shard, "dir" | "size" | "manifest">[]): void {
  const [{ dir: first, manifest: { kernel } }] = shards;
  for (const { dir, size, manifest } of shards) {
    checkKernel({ what: `Cannot take ${dir} beside ${first}`, size, kernel: manifest.kernel }, kernel);
  }
}

function columnsOf(shards: readonly Shard[], labelRule: string | undefined) {
  const count = shards.reduce((sum, shard) => sum + shard.count, 0);
  const labels = new Uint8Array(count), patients = new Uint32Array(count), strata = new Uint32Array(count);
  const rows: Record<Split, number[]> = { train: [], val: [], test: [] };
  let first = 0, patient = 0;
  for (const [index, shard] of shards.entries()) {
    labels.set(shard.binary(labelRule), first);
    strata.fill(index, first, first + shard.count);
    let most = -1;
    for (let i = 0; i < shard.count; i++) {
      patients[first + i] = patient + shard.patients[i];
      most = Math.max(most, shard.patients[i]);
    }
    for (const split of SPLITS) for (const row of shard.rows(split)) rows[split].push(first + row);
    first += shard.count;
    patient += most + 1;
  }
  const typed = Object.fromEntries(SPLITS.map((split) => [split, Uint32Array.from(rows[split])]));
  return { count, labels, patients, strata, rows: typed as Pool["rows"] };
}

async function* pixelBlocks(shards: readonly Shard[]): AsyncIterable<PixelBlock> {
  let first = 0;
  for (const shard of shards) {
    for await (const block of shard.pixelBlocks()) yield { ...block, first: first + block.first };
    first += shard.count;
  }
}
