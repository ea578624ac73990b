/**
 * Fetches libtorch: the PyTorch wheel carries the same C++ headers and libraries as the separate libtorch archive,
 * and pip's settings decide where it comes from.
 *
 * Why three wheels: the default index hands out a CUDA build whose libtorch_cpu.so needs libcudart and libcupti
 * even without a GPU; those two files lie in the same folder, which its RPATH ($ORIGIN) names.
 */
import { statfs } from "node:fs/promises";
import { cacheDir, cudaVersion, inspect, type Libtorch, TORCH_VERSION } from "./find.ts";
import { pipDownload } from "./pip.ts";
import { fileDigest } from "../../files/digest.ts";
import { type UnpackRules, unpackWheel } from "./wheel.ts";

/** What happens while libtorch is fetched; bytes of the file or folder at hand. */
export type FetchEvent =
  | { type: "download"; spec: string; bytes: number; total: number | null }
  | { type: "digest"; file: string; sha256: string; pinned: boolean }
  | { type: "unpack"; done: number; total: number };

/** SHA-256 of the wheels on the default index, x86-64 Linux, one per Python version. */
const PINNED: Record<string, string> = {
  "torch-2.13.0-cp310-cp310-manylinux_2_28_x86_64.whl":
    "c78b7b4d04461855a764cf01bae9a462bb88bc93defcfa11235cbc8fdf3e12c4",
  "torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl":
    "60fcdcb2f3876e21146cb4524ef06397d727ca9ad5f020818547e25075fe3cb7",
  "torch-2.13.0-cp312-cp312-manylinux_2_28_x86_64.whl":
    "796633c4cdf0fe2cdced72d8f88f22e73dbcfce83132763162f6d4bff13b820b",
  "torch-2.13.0-cp313-cp313-manylinux_2_28_x86_64.whl":
    "a3a9a21312872af8a26950b2c15680335a386a1f56ed03e780653d78b9607e9e",
  "torch-2.13.0-cp314-cp314-manylinux_2_28_x86_64.whl":
    "49f1ea385c754e54919408a9bb3b5a72b0b755bbe2c916c1d6f70afbec4908a2",
  "nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl":
    "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
  "nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl":
    "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8",
};

const TORCH_FILES: UnpackRules = {
  "torch/lib/libc10.so": "lib/libc10.so",
  "torch/lib/libtorch_cpu.so": "lib/libtorch_cpu.so",
  "torch/lib/libgomp.so.1": "lib/libgomp.so.1",
  "torch/version.py": "version.py",
  "torch/include/": "include/",
};

/** What a CUDA 13 build of libtorch_cpu.so needs beside it, GPU or not. */
const CUDA_FILES: Record<string, UnpackRules> = {
  "nvidia-cuda-runtime==13.0.96": { "nvidia/cu13/lib/libcudart.so.13": "lib/libcudart.so.13" },
  "nvidia-cuda-cupti==13.0.85": { "nvidia/cu13/lib/libcupti.so.13": "lib/libcupti.so.13" },
};

/**
 * Fetches libtorch into the cache; whole or not at all (a folder beside, renamed at the end).
 *
 * @throws Error one sentence with the remedy
 */
export async function fetchLibtorch(
  options: { onEvent?: (event: FetchEvent) => void } = {},
): Promise<Libtorch> {
  const parent = `${cacheDir()}/libtorch`;
  await Deno.mkdir(parent, { recursive: true });
  await requireSpace(parent);
  const work = await Deno.makeTempDir({ dir: parent, prefix: `.${TORCH_VERSION}-` });
  try {
    await Deno.mkdir(`${work}/tree`);
    await fetchInto(work, { spec: `torch==${TORCH_VERSION}`, rules: TORCH_FILES, ...options });
    const cuda = (await cudaVersion(`${work}/tree`))?.split(".")[0];
    if (cuda === "13") {
      for (const [spec, rules] of Object.entries(CUDA_FILES)) {
        await fetchInto(work, { spec, rules, ...options });
      }
    } else if (cuda !== undefined) {
      throw new Error(
        `Cannot use the torch wheel of pip's index: expected a CPU or CUDA 13 build, got CUDA ${cuda}. ` +
          "Use the default index, or install that build and set FEDX_LIBTORCH.",
      );
    }
    return await publish(`${work}/tree`, `${parent}/${TORCH_VERSION}`);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

async function publish(tree: string, target: string): Promise<Libtorch> {
  try {
    await Deno.rename(tree, target);
  } catch (cause) {
    // Another process may have been first; what it left is as good.
    const found = await inspect(target, "cache");
    if (found) return found;
    await Deno.remove(target, { recursive: true }).catch(() => {});
    await Deno.rename(tree, target).catch(() => {
      throw cause;
    });
  }
  const found = await inspect(target, "cache");
  if (found?.headers) return found;
  throw new Error(
    `Cannot build against the torch wheel of pip's index: expected include/torch/csrc/api in it, got none. ` +
      "Use the default index, or set FEDX_LIBTORCH.",
  );
}

/** Bytes that must be free: the wheel twice (pip copies it), and what is unpacked of it. */
const SPACE = 1.7e9;

async function requireSpace(folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= SPACE) return;
  const free = (bavail * bsize / 1e9).toFixed(1);
  throw new Error(
    `Cannot fetch libtorch: expected ${SPACE / 1e9} GB free in ${folder}, got ${free} GB. ` +
      "Free some, or set XDG_CACHE_HOME to a folder on another disk.",
  );
}

async function fetchInto(
  work: string,
  options: { spec: string; rules: UnpackRules; onEvent?: (event: FetchEvent) => void },
): Promise<void> {
  const { spec, rules, onEvent } = options;
  let total: number | null = null;
  const onLine = (line: string) => {
    const [, size, unit] = /^\s*Downloading .*\(([\d.]+) ([kMG])B\)/.exec(line) ?? [];
    if (size !== undefined) total = Number(size) * { k: 1e3, M: 1e6, G: 1e9 }[unit as "k" | "M" | "G"];
  };
  const tell = async () => onEvent?.({ type: "download", spec, bytes: await sizeOf(work), total });
  const timer = setInterval(tell, 500);
  const wheel = await pipDownload(spec, { to: work, onLine }).finally(() => clearInterval(timer));
  const file = wheel.split("/").at(-1)!;
  const sha256 = (await fileDigest(wheel))!;
  const pinned = PINNED[file];
  if (pinned !== undefined && pinned !== sha256) {
    throw new Error(
      `Cannot use ${file}: expected SHA-256 ${pinned}, got ${sha256}. Run again; if it stays, distrust the mirror.`,
    );
  }
  onEvent?.({ type: "digest", file, sha256, pinned: pinned !== undefined });
  await unpackWheel(wheel, {
    to: `${work}/tree`,
    rules,
    onProgress: (done, all) => onEvent?.({ type: "unpack", done, total: all }),
  });
  await Deno.remove(wheel);
}

/** Bytes of pip's files below the work folder; what vanishes meanwhile counts as nothing. */
async function sizeOf(work: string): Promise<number> {
  let bytes = 0;
  for await (const entry of Deno.readDir(work)) {
    const path = `${work}/${entry.name}`;
    if (entry.isDirectory && entry.name !== "tree") bytes += await sizeOf(path).catch(() => 0);
    else if (entry.isFile) bytes += (await Deno.stat(path).catch(() => ({ size: 0 }))).size;
  }
  return bytes;
}
