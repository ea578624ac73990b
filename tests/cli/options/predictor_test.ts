import { assert, assertEquals, assertRejects } from "@std/assert";
import { UsageError } from "../../../src/cli/options/usage_error.ts";
import { openPredictor } from "../../../src/cli/options/predictor.ts";
import { predict } from "../../../src/model/predictor.ts";
import { preprocessingOf } from "../../../src/model/weights/model_file.ts";
import { openedLibrary } from "../../../src/shim/library.ts";
import { layoutOf } from "../../../src/model/layout.ts";
import { films, vectorOf } from "../../golden/model.ts";
import { inFolder } from "../../testing/folder.ts";

const layout = layoutOf("efficientnet_b0", { channels: 1 });
const vector = vectorOf(layout);
const metadata = {
  network: "efficientnet_b0" as const,
  size: 32,
  channels: 1 as const,
  preprocessing: preprocessingOf(1),
};
const plain = { device: "auto" } as const;

/** Runs `work` with FEDX_LIBTORCH and FEDX_SHIM as given. */
async function withLibraries(env: Record<string, string>, work: () => Promise<void>): Promise<void> {
  const names = ["FEDX_LIBTORCH", "FEDX_SHIM"];
  const before = names.map((name) => Deno.env.get(name));
  for (const [name, value] of Object.entries(env)) Deno.env.set(name, value);
  try {
    await work();
  } finally {
    names.forEach((name, i) =>
      before[i] === undefined ? Deno.env.delete(name) : Deno.env.set(name, before[i])
    );
  }
}

/** A folder that looks like a libtorch. */
async function libtorch(folder: string, { version, library }: { version: string; library: boolean }) {
  await Deno.mkdir(`${folder}/lib`, { recursive: true });
  if (library) await Deno.writeTextFile(`${folder}/lib/libtorch_cpu.so`, "torn");
  await Deno.writeTextFile(`${folder}/version.py`, `__version__ = '${version}'\n`);
  await Deno.writeTextFile(`${folder}/libfedx-cpu.so`, "torn");
  return { FEDX_LIBTORCH: folder, FEDX_SHIM: `${folder}/libfedx-cpu.so` };
}

Deno.test("openPredictor: libtorch absent, of another version, torn, without engine: one sentence names tfjs", async () => {
  const cases: [string, { version: string; library: boolean }, Record<string, string>, string][] = [
    ["absent", { version: "2.13.0", library: false }, {}, "libtorch_cpu.so"],
    ["old", { version: "1.9.0", library: true }, {}, "got 1.9.0"],
    ["torn", { version: "2.13.0", library: true }, {}, "Cannot open"],
    [
      "bare",
      { version: "2.13.0", library: true },
      { FEDX_SHIM: "/no/libfedx-cpu.so" },
      "Cannot find the engine",
    ],
  ];
  for (const [name, what, env, reason] of cases) {
    await inFolder(async (folder) => {
      const found = await libtorch(`${folder}/${name}`, what);
      await withLibraries({ ...found, ...env }, async () => {
        const open = () => openPredictor({ vector, layout, metadata }, { engine: "libtorch", ...plain });
        const error = await assertRejects(open, Error, reason);
        assert(
          /^Cannot [^\n]*; or score without libtorch: --engine tfjs\)$/.test(error.message),
          error.message,
        );
        assertEquals(error.message.match(/\. [A-Z]/), null);
      });
    });
  }
});

Deno.test("openPredictor: with --engine tfjs a model scores films and no library is looked for", async () => {
  await withLibraries({ FEDX_LIBTORCH: "/nonexistent" }, async () => {
    using predictor = await openPredictor({ vector, layout, metadata }, { engine: "tfjs", ...plain });
    const logits = await predict(predictor, films(3, 32));
    assertEquals(new Set(logits).size, 3);
    assertEquals(openedLibrary(), undefined);
  });
});

Deno.test("openPredictor: tfjs refuses a GPU and several threads, and takes what it can do", async () => {
  const open = (choice: { device: "auto" | "cpu" | "cuda"; threads?: number }) =>
    openPredictor({ vector, layout, metadata }, { engine: "tfjs", ...choice });
  await assertRejects(() => open({ device: "cuda" }), UsageError, "--device cuda");
  await assertRejects(() => open({ device: "auto", threads: 2 }), UsageError, "--threads 2");
  (await open({ device: "cpu", threads: 1 }))[Symbol.dispose]();
});
