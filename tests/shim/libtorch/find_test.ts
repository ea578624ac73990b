import { assertEquals, assertRejects } from "@std/assert";
import {
  cacheDir,
  findLibtorch,
  fits,
  lastLibtorch,
  rememberLibtorch,
  TORCH_VERSION,
} from "../../../src/shim/libtorch/find.ts";
import { withEnv, workingIn } from "../../testing/environment.ts";
import { inFolder } from "../../testing/folder.ts";
import { makeUserPython, makeVenv } from "../../testing/python.ts";
import { fakeLibtorch as fake } from "../../testing/fake_libtorch.ts";

Deno.test("findLibtorch: FEDX_LIBTORCH wins, then the cache, then python3's torch, then nothing", () =>
  inFolder(async (folder) => {
    const named = await fake(`${folder}/named`, "2.13.0+cpu", { headers: true });
    const cached = await fake(`${folder}/cache/fedx/libtorch/${TORCH_VERSION}`, "2.13.0+cu130", {
      headers: true,
    });
    const { bin, site } = await makeVenv(`${folder}/venv`);
    const installed = await fake(`${site}/torch`, "2.12.1", { headers: true });
    await Deno.writeTextFile(`${installed}/__init__.py`, "raise SystemExit('must not be imported')\n");
    const env = { XDG_CACHE_HOME: `${folder}/cache`, PATH: `${bin}:${Deno.env.get("PATH")}` };
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
    const { bin, site } = await makeVenv(`${folder}/venv`);
    await fake(`${site}/torch`, "2.4.0", { headers: true });
    const env = { XDG_CACHE_HOME: `${folder}/cache`, PATH: `${bin}:/usr/bin:/bin`, FEDX_LIBTORCH: null };
    await withEnv(env, async () => assertEquals(await findLibtorch(), null));
  }));

Deno.test("findLibtorch: the torch of ./venv is found where its python3 is in use, by a relative entry of PATH too", () =>
  inFolder(async (folder) => {
    const { site } = await makeVenv(`${folder}/venv`);
    const installed = await fake(`${site}/torch`, "2.12.1", { headers: false });
    const found = async (path: string) => {
      const env = { XDG_CACHE_HOME: `${folder}/cache`, PATH: path, FEDX_LIBTORCH: null };
      await withEnv(env, async () => assertEquals((await findLibtorch())?.dir, installed, path));
    };
    await workingIn(folder, async () => {
      await found("venv/bin:/usr/bin:/bin");
      await found(`/nowhere:./venv/bin:/usr/bin:/bin`);
    });
    await workingIn(`${folder}/venv/bin`, () => found(":/usr/bin:/bin"));
  }));

Deno.test("findLibtorch: a torch of `pip install --user` is found; one that only PYTHONPATH names is not", () =>
  inFolder(async (folder) => {
    const { bin, site } = await makeUserPython(`${folder}/bin`, `${folder}/user`);
    const env = {
      XDG_CACHE_HOME: `${folder}/cache`,
      FEDX_LIBTORCH: null,
      PATH: `${bin}:/usr/bin:/bin`,
      PYTHONUSERBASE: `${folder}/user`,
      PYTHONPATH: `${folder}/modules`,
    };
    await fake(`${folder}/modules/torch`, "2.12.1", { headers: false });
    await withEnv(env, async () => {
      assertEquals((await findLibtorch())?.dir.startsWith(folder) ?? false, false);
      const installed = await fake(`${site}/torch`, "2.12.1", { headers: false });
      assertEquals((await findLibtorch())?.dir, installed);
    });
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
    const env = { XDG_CACHE_HOME: `${folder}/cache`, FEDX_LIBTORCH: null };
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
