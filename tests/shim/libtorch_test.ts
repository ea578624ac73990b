import { assertEquals, assertRejects } from "@std/assert";
import {
  cacheDir,
  findLibtorch,
  fits,
  lastLibtorch,
  rememberLibtorch,
  TORCH_VERSION,
} from "../../src/shim/libtorch.ts";
import { inFolder } from "../folder.ts";

/** Runs with other environment variables (null removes one), and puts the old ones back. */
async function withEnv(
  values: Record<string, string | null>,
  work: () => Promise<void> | void,
): Promise<void> {
  const set = (name: string, value: string | null | undefined) =>
    value === null || value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  const before = Object.keys(values).map((name) => [name, Deno.env.get(name)] as const);
  for (const [name, value] of Object.entries(values)) set(name, value);
  try {
    await work();
  } finally {
    for (const [name, value] of before) set(name, value);
  }
}

/** A folder that looks like libtorch. */
async function fake(dir: string, version: string, options: { headers: boolean }): Promise<string> {
  await Deno.mkdir(`${dir}/lib`, { recursive: true });
  await Deno.writeTextFile(`${dir}/lib/libtorch_cpu.so`, "");
  await Deno.writeTextFile(`${dir}/version.py`, `from typing import Optional\n__version__ = '${version}'\n`);
  if (options.headers) await Deno.mkdir(`${dir}/include/torch/csrc/api`, { recursive: true });
  return dir;
}

Deno.test("findLibtorch: FEDX_LIBTORCH wins, then the cache, then python3's torch, then nothing", () =>
  inFolder(async (folder) => {
    const named = await fake(`${folder}/named`, "2.13.0+cpu", { headers: true });
    const cached = await fake(`${folder}/cache/fedx/libtorch/${TORCH_VERSION}`, "2.13.0+cu130", {
      headers: true,
    });
    const installed = await fake(`${folder}/site/torch`, "2.12.1", { headers: true });
    await Deno.writeTextFile(`${installed}/__init__.py`, "raise SystemExit('must not be imported')\n");
    const env = { XDG_CACHE_HOME: `${folder}/cache`, PYTHONPATH: `${folder}/site` };
    const found = async () => (await findLibtorch({ headers: true })) ?? null;
    await withEnv({ ...env, FEDX_LIBTORCH: named }, async () => {
      const headers = true;
      assertEquals(await found(), { dir: named, version: "2.13.0+cpu", source: "FEDX_LIBTORCH", headers });
    });
    await withEnv({ ...env, FEDX_LIBTORCH: null }, async () => {
      assertEquals((await found())?.dir, cached);
      await Deno.remove(cached, { recursive: true });
      assertEquals(await found(), { dir: installed, version: "2.12.1", source: "python3", headers: true });
      await Deno.remove(`${installed}/include`, { recursive: true });
      assertEquals(await found(), null);
      assertEquals((await findLibtorch())?.dir, installed);
    });
  }));

Deno.test("findLibtorch: a FEDX_LIBTORCH that cannot be used is refused with the remedy, never passed over", () =>
  inFolder(async (folder) => {
    await withEnv({ FEDX_LIBTORCH: folder }, async () => {
      await assertRejects(() => findLibtorch(), Error, "name the folder that holds lib/");
      await fake(folder, "1.13.1", { headers: false });
      await assertRejects(() => findLibtorch(), Error, "expected PyTorch 2.11 to 2.13, got 1.13.1");
      await fake(folder, "2.13.0", { headers: false });
      assertEquals((await findLibtorch())?.headers, false);
      await assertRejects(() => findLibtorch({ headers: true }), Error, "expected include/torch/csrc/api");
    });
  }));

Deno.test("findLibtorch: another version in python3 is not used", () =>
  inFolder(async (folder) => {
    await fake(`${folder}/site/torch`, "2.4.0", { headers: true });
    await Deno.writeTextFile(`${folder}/site/torch/__init__.py`, "");
    const env = { XDG_CACHE_HOME: `${folder}/cache`, PYTHONPATH: `${folder}/site`, FEDX_LIBTORCH: null };
    await withEnv(env, async () => assertEquals(await findLibtorch(), null));
  }));

Deno.test("fits: 2.11 to 2.13", () => {
  const versions = ["1.13.1", "2.9.1", "2.11.0+cu128", "2.13.0+cu130", "2.14.0", "unknown"];
  assertEquals(versions.filter(fits), ["2.11.0+cu128", "2.13.0+cu130"]);
});

Deno.test("cacheDir: XDG_CACHE_HOME, else ~/.cache", async () => {
  await withEnv({ XDG_CACHE_HOME: "/x", HOME: "/h" }, () => assertEquals(cacheDir(), "/x/fedx"));
  await withEnv(
    { XDG_CACHE_HOME: null, HOME: "/h" },
    () => assertEquals(cacheDir(), "/h/.cache/fedx"),
  );
});

Deno.test("lastLibtorch: the one used last while it is there, FEDX_LIBTORCH before it; python3 is not asked", () =>
  inFolder(async (folder) => {
    const installed = await fake(`${folder}/site/torch`, "2.12.1", { headers: false });
    const named = await fake(`${folder}/named`, "2.13.0+cpu", { headers: false });
    const env = { XDG_CACHE_HOME: `${folder}/cache`, FEDX_LIBTORCH: null, PYTHONPATH: `${folder}/site` };
    await withEnv(env, async () => {
      assertEquals(await lastLibtorch(), null);
      await rememberLibtorch({ dir: installed, version: "2.12.1", source: "python3", headers: false });
      const found = await lastLibtorch();
      assertEquals([found?.dir, found?.version, found?.source], [installed, "2.12.1", "python3"]);
      await withEnv({ FEDX_LIBTORCH: named }, async () => assertEquals((await lastLibtorch())?.dir, named));
      await Deno.remove(installed, { recursive: true });
      assertEquals(await lastLibtorch(), null);
    });
  }));

Deno.test("findLibtorch: without HOME and XDG_CACHE_HOME there is no cache, which is no error", () =>
  inFolder(async (folder) => {
    const nowhere = { HOME: null, XDG_CACHE_HOME: null, FEDX_LIBTORCH: null, PATH: folder };
    await withEnv(nowhere, async () => {
      assertEquals(await findLibtorch(), null);
      await rememberLibtorch({ dir: folder, version: "2.13.0", source: "python3", headers: false });
      assertEquals(await lastLibtorch(), null);
    });
  }));
