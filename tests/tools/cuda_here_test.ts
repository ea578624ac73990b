import { assertEquals, assertRejects } from "@std/assert";
import { cudaParts } from "../../tools/cuda.ts";
import { CUDART, findCuda } from "../../tools/cuda_here.ts";
import { inFolder } from "../testing/folder.ts";

/** Writes empty files, their folders too. */
async function touch(...paths: string[]): Promise<void> {
  for (const path of paths) {
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(path, "");
  }
}

/** Writes a folder of headers of a version, such as 13000. */
async function headers(folder: string, version: number): Promise<void> {
  await touch(...["cuda.h", "cuda_runtime.h", "crt/host_config.h"].map((name) => `${folder}/${name}`));
  await Deno.writeTextFile(`${folder}/cuda_runtime_api.h`, `/* */\n#define CUDART_VERSION  ${version}\n`);
}

const none = { env: {}, usual: "/nowhere" };

Deno.test("findCuda takes a toolkit of CUDA 13: CUDA_HOME's, CUDA_PATH's, that of nvcc on PATH, then the usual one", () =>
  inFolder(async (dir) => {
    for (const root of ["home", "path", "nvcc", "usual"]) {
      await headers(`${dir}/${root}/include`, 13000);
      await touch(`${dir}/${root}/lib64/${CUDART}`);
    }
    await touch(`${dir}/nvcc/bin/nvcc`);
    await Deno.mkdir(`${dir}/bin`);
    await Deno.symlink(`${dir}/nvcc/bin/nvcc`, `${dir}/bin/nvcc`);
    const env = { CUDA_HOME: `${dir}/home`, CUDA_PATH: `${dir}/path`, PATH: `relative:/nowhere:${dir}/bin` };
    const found = async (env: Record<string, string>) =>
      (await findCuda(`${dir}/torch`, { env, usual: `${dir}/usual` })).include!.slice(dir.length);
    assertEquals(await found(env), "/home/include");
    assertEquals(await found({ ...env, CUDA_HOME: "" }), "/path/include");
    assertEquals(await found({ PATH: env.PATH }), "/nvcc/include");
    assertEquals(await found({}), "/usual/include");
    const { cudart, others } = await findCuda(`${dir}/torch`, { env });
    assertEquals([cudart, others], [`${dir}/home/lib64/${CUDART}`, []]);
  }));

Deno.test("findCuda passes over another version and a folder that lacks a header, and tells the version", () =>
  inFolder(async (dir) => {
    await headers(`${dir}/old/include`, 12080);
    await headers(`${dir}/torn/include`, 13000);
    await Deno.remove(`${dir}/torn/include/crt/host_config.h`);
    const places = { env: { CUDA_HOME: `${dir}/old`, CUDA_PATH: `${dir}/torn` }, usual: "/nowhere" };
    const old = [`CUDA 12.8 in ${dir}/old/include`];
    assertEquals((await findCuda(`${dir}/torch`, places)).others, old);
    await headers(`${dir}/torn/targets/x86_64-linux/include`, 13020);
    const { include, others } = await findCuda(`${dir}/torch`, places);
    assertEquals([include, others], [`${dir}/torn/targets/x86_64-linux/include`, old]);
  }));

Deno.test("findCuda takes what pip has put beside torch, and links with the libcudart that torch opens", () =>
  inFolder(async (dir) => {
    const torch = `${dir}/site-packages/torch`;
    await touch(`${torch}/lib/libtorch_cuda.so`, `${dir}/site-packages/nvidia/cu13/lib/${CUDART}`);
    await headers(`${dir}/site-packages/triton/backends/nvidia/include`, 13010);
    const found = await findCuda(torch, none);
    assertEquals(found.include, `${torch}/../triton/backends/nvidia/include`);
    assertEquals(found.cudart, `${torch}/../nvidia/cu13/lib/${CUDART}`);
    await headers(`${dir}/site-packages/nvidia/cu13/include`, 13000);
    await headers(`${dir}/cuda/include`, 13000);
    await touch(`${dir}/cuda/lib64/${CUDART}`);
    assertEquals((await findCuda(torch, none)).include, `${torch}/../nvidia/cu13/include`);
    const toolkit = await findCuda(torch, { ...none, env: { CUDA_HOME: `${dir}/cuda` } });
    assertEquals([toolkit.include, toolkit.cudart], [`${dir}/cuda/include`, found.cudart]);
  }));

Deno.test("cudaParts fetches nothing where all is there, and where it may not it says what is missing and what to do", () =>
  inFolder(async (dir) => {
    const cache = Deno.env.get("XDG_CACHE_HOME");
    Deno.env.set("XDG_CACHE_HOME", `${dir}/cache`);
    try {
      const places = { env: { CUDA_HOME: `${dir}/cuda` }, usual: "/nowhere" };
      const parts = () => cudaParts(`${dir}/torch`, { ...places, fetch: false });
      const remedy = /\(remedy: install the toolkit of CUDA 13, or name its folder in CUDA_HOME\)$/;
      const refused = async () => (await assertRejects(parts, Error)).message;
      assertEquals(remedy.test(await refused()), true);
      await headers(`${dir}/cuda/include`, 12060);
      const start = "Cannot build the engine for the GPU: expected the headers of CUDA 13 in CUDA_HOME, ";
      const got = `, got CUDA 12.6 in ${dir}/cuda/include (`;
      assertEquals([(await refused()).startsWith(start), (await refused()).includes(got)], [true, true]);
      await headers(`${dir}/cuda/include`, 13000);
      await touch(`${dir}/torch/lib/${CUDART}`);
      const include = `${dir}/cuda/include`;
      assertEquals(await parts(), { include, cudart: `${dir}/torch/lib/${CUDART}`, source: `in ${include}` });
    } finally {
      if (cache === undefined) Deno.env.delete("XDG_CACHE_HOME");
      else Deno.env.set("XDG_CACHE_HOME", cache);
    }
  }));
