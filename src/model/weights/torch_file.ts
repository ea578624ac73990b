/**
 * Reads `torch.save` files (the zip format and the legacy one) without Python.
 *
 * Why our own: weights come from anywhere, and loading them with Python runs what they say. Pickles go through
 * unpickle.ts; every size is checked against the file before it is allocated.
 */
import { Uint8ArrayReader, Uint8ArrayWriter, ZipReader } from "@zip.js/zip.js";
import { BufferReader } from "pickleparser";
import { bad, reason, type Storage, StridedTensor, unpickle } from "./unpickle.ts";

/** One tensor as contiguous f32 in C order. */
export interface TorchTensor {
  shape: number[];
  data: Float32Array;
}

/** First pickle of a legacy file: protocol 2, LONG1 0x1950a86a20f9469cfc6c. */
const LEGACY_MAGIC = [0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];

/** Largest pickle, in bytes, and most elements over all tensors (1 GiB of f32). */
const MAX_PICKLE = 16 << 20;
const MAX_ELEMENTS = 1 << 28;

/**
 * The float tensors of a saved state_dict by name; integer tensors (`num_batches_tracked`) are left out. A file that
 * wraps it as `{state_dict: …}` or `{model: …}` is read too.
 *
 * @throws {SyntaxError} when the file wants to run code, is cut off, or is no state_dict.
 */
export async function readTorchFile(bytes: Uint8Array): Promise<Map<string, TorchTensor>> {
  const storages = new Map<string, Storage>();
  let root: unknown;
  if (bytes[0] === 0x50 && bytes[1] === 0x4b) root = await readZip(bytes, storages);
  else if (LEGACY_MAGIC.every((byte, i) => bytes[i] === byte)) root = readLegacy(bytes, storages);
  else throw bad("a file written by torch.save", "other bytes");
  return gatherAll(root);
}

/** data.pkl names the storages data/KEY; torch never compresses, so neither size can lie. */
async function readZip(bytes: Uint8Array, storages: Map<string, Storage>): Promise<unknown> {
  const reader = new ZipReader(new Uint8ArrayReader(bytes), { useWebWorkers: false, checkSignature: true });
  try {
    const entries = new Map((await reader.getEntries()).map((entry) => [entry.filename, entry]));
    const pickle = [...entries.keys()].find((name) => /^[^/]+\/data\.pkl$/.test(name));
    if (pickle === undefined) throw bad("data.pkl in the archive", `${entries.size} other entries`);
    const folder = pickle.slice(0, -"data.pkl".length);
    const read = async (name: string): Promise<Uint8Array> => {
      const entry = entries.get(folder + name);
      if (entry === undefined || entry.directory) throw bad(`${name} in the archive`, "none");
      if (entry.compressionMethod !== 0 || entry.uncompressedSize > bytes.length) {
        throw bad(`${name} stored uncompressed`, `${entry.uncompressedSize} compressed bytes`);
      }
      return await entry.getData(new Uint8ArrayWriter());
    };
    if (entries.has(`${folder}byteorder`)) checkOrder(new TextDecoder().decode(await read("byteorder")));
    const root = unpickle(new BufferReader(checkPickle(await read("data.pkl"))), storages);
    for (const [key, storage] of storages) storage.attach(key, await read(`data/${key}`));
    return root;
  } catch (cause) {
    if (cause instanceof SyntaxError) throw cause;
    throw bad("a whole torch archive", reason(cause), { cause });
  } finally {
    await reader.close();
  }
}

/** Five pickles (magic, version, system, object, storage keys), then per key an i64 count and the raw values. */
function readLegacy(bytes: Uint8Array, storages: Map<string, Storage>): unknown {
  const reader = new BufferReader(bytes);
  reader.skip(LEGACY_MAGIC.length);
  const none = new Map<string, Storage>();
  const version = unpickle(reader, none);
  if (version !== 1001) throw bad("legacy format 1001", String(version));
  const system = unpickle(reader, none);
  checkOrder(system instanceof Map && system.get("little_endian") === true ? "little" : "big");
  const root = unpickle(reader, storages);
  const keys = unpickle(reader, none);
  if (!Array.isArray(keys)) throw bad("a list of storages", typeof keys);
  let at = reader.position;
  for (const key of keys) {
    const storage = storages.get(String(key));
    if (storage === undefined || at + 8 > bytes.length) {
      throw bad("the storages that are named", "a cut-off file");
    }
    const end = at + 8 + storage.byteLength;
    storage.attach(String(key), bytes.subarray(at + 8, end));
    at = end;
  }
  return root;
}

function gatherAll(root: unknown): Map<string, TorchTensor> {
  if (!(root instanceof Map)) throw bad("a state_dict (a dictionary of tensors)", typeof root);
  const state: Map<unknown, unknown> =
    [root.get("state_dict"), root.get("model")].find((inner) => inner instanceof Map) ?? root;
  const tensors = new Map<string, TorchTensor>();
  let total = 0;
  for (const [name, value] of state) {
    if (!(value instanceof StridedTensor) || typeof name !== "string") {
      throw bad("a dictionary of tensors only", `${String(name).slice(0, 80)} of another kind`);
    }
    if (!value.storage.type.isFloat) continue;
    total += value.shape.reduce((a, b) => a * b, 1);
    if (!(total <= MAX_ELEMENTS)) throw bad(`at most ${MAX_ELEMENTS} values`, `${total}`);
    tensors.set(name, { shape: value.shape, data: value.gather(name) });
  }
  return tensors;
}

function checkPickle(bytes: Uint8Array): Uint8Array {
  if (bytes.length > MAX_PICKLE) throw bad(`a pickle of at most ${MAX_PICKLE} bytes`, `${bytes.length}`);
  return bytes;
}

function checkOrder(order: string): void {
  if (order !== "little") throw bad("little-endian values", `${order.slice(0, 20)}-endian ones`);
}
