/**
 * What lies in the folder that fedx is started in is somebody's films, never a program: no Python module and no torch
 * of it is run, opened or allowed, whatever PATH and PYTHONPATH say about “here”.
 */
import { assert, assertEquals } from "@std/assert";
import { findLibtorch } from "../../src/shim/libtorch/find.ts";
import { pipDownload } from "../../src/shim/libtorch/pip.ts";
import { unpackWheel } from "../../src/shim/libtorch/wheel.ts";
import { buildLauncher } from "../../tools/compile.ts";
import { pack } from "../../tools/pack.ts";
import { withEnv, workingIn } from "../testing/environment.ts";
import { inFolder } from "../testing/folder.ts";
import { makeWheel } from "../testing/probe_wheel.ts";
import { makeVenv } from "../testing/python.ts";
import { fakeLibtorch } from "../testing/fake_libtorch.ts";

/** Names that Python or pip import at some moment. */
const MODULES = ["pip", "json", "zipfile", "hashlib", "csv", "site", "os", "importlib", "runpy"];
/** Python imports these at its start, from wherever PYTHONPATH leads. */
const START_MODULES = ["sitecustomize", "usercustomize"];
/** PYTHONPATH as profiles write it: unset, with an empty entry, and with the working folder itself. */
const PYTHONPATHS = [null, ":/nowhere", ".:/nowhere"];

interface Trap {
  /** The working folder. */
  films: string;
  /** Folder beside it, for what is not part of the trap. */
  beside: string;
  /** Names of the working folder's modules that were run. */
  sprung(): Promise<string[]>;
}

/** A working folder full of modules that write down that they were run, and a torch that looks genuine. */
async function withTrap(work: (trap: Trap) => Promise<void>): Promise<void> {
  await inFolder(async (parent) => {
    const films = `${parent}/films`;
    await Deno.mkdir(`${parent}/sprung`);
    await fakeLibtorch(`${films}/torch`, "2.13.0", { headers: true });
    for (const name of [...MODULES, ...START_MODULES, "torch/__init__"]) {
      const mark = `${parent}/sprung/${name.split("/")[0]}`;
      await Deno.writeTextFile(`${films}/${name}.py`, `open(${JSON.stringify(mark)}, "w").close()\n`);
    }
    const sprung = async () =>
      (await Array.fromAsync(Deno.readDir(`${parent}/sprung`))).map(({ name }) => name);
    await work({ films, beside: parent, sprung });
  });
}

Deno.test("a working folder's pip.py is not run in pip's place, nor any other module of it", () =>
  withTrap(async ({ films, beside, sprung }) => {
    await makeWheel(beside);
    for (const PYTHONPATH of PYTHONPATHS) {
      const settings = { PYTHONPATH, PIP_NO_INDEX: "1", PIP_FIND_LINKS: beside };
      const to = await Deno.makeTempDir({ dir: beside });
      await workingIn(films, () =>
        withEnv(settings, async () => {
          const wheel = await pipDownload("probe==1.0", { to }).catch((error) => error.message);
          assertEquals([wheel, await sprung()], [`${to}/probe-1.0-py3-none-any.whl`, []]);
        }));
    }
  }));

Deno.test("a working folder's zipfile.py is not run when a wheel is unpacked, nor any other module of it", () =>
  withTrap(async ({ films, beside, sprung }) => {
    const wheel = await makeWheel(beside);
    const rules = { "probe/include/": "include/" };
    for (const PYTHONPATH of PYTHONPATHS) {
      await workingIn(films, () =>
        withEnv({ PYTHONPATH }, async () => {
          const files = await unpackWheel(wheel, { to: `${beside}/tree`, rules }).catch((error) =>
            error.message
          );
          assertEquals([files, await sprung()], [1, []]);
        }));
    }
  }));

Deno.test("a working folder's torch is not taken for python3's, and none of its modules is run on the way", () =>
  withTrap(async ({ films, beside, sprung }) => {
    const { bin } = await makeVenv(`${beside}/venv`);
    const env = { XDG_CACHE_HOME: `${beside}/cache`, FEDX_LIBTORCH: null, PATH: `${bin}:/usr/bin:/bin` };
    for (const PYTHONPATH of PYTHONPATHS) {
      await workingIn(films, () =>
        withEnv({ ...env, PYTHONPATH }, async () => {
          assertEquals([await findLibtorch(), await sprung()], [null, []]);
        }));
    }
  }));

Deno.test("the one file does not let its runtime open a working folder's torch, and runs none of its modules", () =>
  withTrap(async ({ films, beside, sprung }) => {
    const { bin } = await makeVenv(`${beside}/venv`);
    await Deno.writeTextFile(`${beside}/runtime`, '#!/bin/sh\nfor word in "$@"; do echo "$word"; done\n');
    const launcher = await buildLauncher(`${beside}/launcher`);
    const parts = [{ path: "fedx-runtime", mode: 0o755, source: `${beside}/runtime` }];
    const roles = { predict: ["--allow-ffi={app}{libtorch}"] };
    const { build } = await pack({ out: `${beside}/fedx`, launcher, parts, torch: "2.13.0", roles });
    const cache = `${beside}/cache`;
    for (const PYTHONPATH of PYTHONPATHS) {
      const env = { XDG_CACHE_HOME: cache, PATH: `${bin}:/usr/bin:/bin`, ...PYTHONPATH && { PYTHONPATH } };
      const started = new Deno.Command(`${beside}/fedx`, {
        args: ["predict"],
        cwd: films,
        env,
        clearEnv: true,
      });
      const { success, stdout } = await started.output();
      assert(success);
      const flag = new TextDecoder().decode(stdout).split("\n").find((line) =>
        line.startsWith("--allow-ffi")
      );
      assertEquals(flag, `--allow-ffi=${cache}/fedx/app/${build},${cache}/fedx/libtorch`);
      assertEquals(await sprung(), []);
    }
  }));
