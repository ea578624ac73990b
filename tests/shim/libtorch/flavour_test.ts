import { assertEquals } from "@std/assert";
import { flavourOf } from "../../../src/shim/libtorch/flavour.ts";
import { inFolder } from "../../testing/folder.ts";

/** A folder with a libtorch (a CUDA build or not) and one with a driver (or not). */
async function machine(folder: string, has: { cuda: boolean; driver: boolean }) {
  const libtorch = `${folder}/libtorch`, driver = `${folder}/driver`;
  await Deno.mkdir(`${libtorch}/lib`, { recursive: true });
  await Deno.mkdir(driver);
  await Deno.writeTextFile(`${libtorch}/lib/libtorch_cpu.so`, "");
  if (has.cuda) await Deno.writeTextFile(`${libtorch}/lib/libtorch_cuda.so`, "");
  if (has.driver) await Deno.writeTextFile(`${driver}/libcuda.so.1`, "");
  return { libtorch, driver };
}

for (
  const [cuda, driver, want] of [[true, true, "cuda"], [true, false, "cpu"], [false, true, "cpu"]] as const
) {
  Deno.test(
    `flavourOf is ${want} where libtorch is ${cuda ? "a CUDA" : "a CPU"} build ${
      driver ? "and" : "without"
    } a driver`,
    () =>
      inFolder(async (folder) => {
        const made = await machine(folder, { cuda, driver });
        assertEquals(await flavourOf(made.libtorch, { folders: [`${folder}/none`, made.driver] }), want);
      }),
  );
}

Deno.test("flavourOf finds a driver in LD_LIBRARY_PATH", () =>
  inFolder(async (folder) => {
    const made = await machine(folder, { cuda: true, driver: true });
    const before = Deno.env.get("LD_LIBRARY_PATH");
    Deno.env.set("LD_LIBRARY_PATH", `${folder}/none:${made.driver}`);
    try {
      assertEquals(await flavourOf(made.libtorch), "cuda");
    } finally {
      if (before === undefined) Deno.env.delete("LD_LIBRARY_PATH");
      else Deno.env.set("LD_LIBRARY_PATH", before);
    }
  }));
