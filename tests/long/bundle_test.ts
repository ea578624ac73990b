import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { bundle } from "../../tools/bundle.ts";
import { buildShim } from "../../tools/native.ts";
import { resolveStd } from "../../tools/std.ts";
import { drawFilms } from "../testing/hospitals.ts";
import { inFolder } from "../testing/folder.ts";
import { libtorchDir } from "../testing/libraries.ts";

/** Runs a command that must succeed, with these variables and no others; returns its stdout. */
async function succeed(
  cwd: string,
  env: Record<string, string>,
  [command, ...args]: string[],
): Promise<string> {
  const child = new Deno.Command(command, { args, cwd, env, clearEnv: true, stdin: "null" });
  const { success, stdout, stderr } = await child.output();
  assert(success, `${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

Deno.test("bundle: at most 60 MB; unpacked elsewhere, rebuild.sh builds the shim and the new file trains", () =>
  inFolder(async (folder) => {
    const libtorch = await libtorchDir();
    const { flags } = await resolveStd();
    const { path, bytes } = await bundle({
      folder,
      flags,
      shims: [await buildShim({ libtorch, flavour: "cpu" })],
    });
    assert(bytes <= 60e6, `${bytes} bytes`);
    const driver = "/usr/local/nvidia/lib64"; // as images for GPUs have it
    const env = {
      ...{ HOME: `${folder}/home`, PATH: "/usr/bin:/bin" },
      ...{ FEDX_LIBTORCH: libtorch, LD_LIBRARY_PATH: driver },
    };
    await succeed(folder, env, ["tar", "xJf", path]);
    const place = path.replace(/\.tar\.xz$/, "");
    for (const page of ["README.md", "docs/getting-started.md"]) {
      assert((await Deno.stat(`${place}/${page}`)).isFile);
    }
    // Another source, so that the shim which was carried along could not pass for the new one.
    await Deno.writeTextFile(`${place}/native/device/pool.cpp`, "\n// on site\n", { append: true });
    const version = async () => JSON.parse(await succeed(place, env, ["./fedx", "--version", "--json"]));
    const before = await version();
    await succeed(folder, env, ["sh", `${place}/rebuild.sh`]);
    const after = await version();
    assertNotEquals([after.build, after.shims[0].build], [before.build, before.shims[0].build]);
    assertEquals(after.shims[0].torch, before.shims[0].torch);
    await drawFilms(place);
    const films = ["--images", "films-a/images", "--labels", "films-a/labels.csv", "--size", "32"];
    await succeed(place, env, ["./fedx", "prepare", ...films, "--out", "shard"]);
    const train = ["--shard", "shard", "--rounds", "1", "--init", "random", "--out", "m.safetensors"];
    const trained = JSON.parse(await succeed(place, env, ["./fedx", "local", ...train, "--json"]));
    assert(trained.selection.auroc >= 0, JSON.stringify(trained.selection));
  }));
