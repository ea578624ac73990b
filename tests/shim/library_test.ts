import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { type Libraries, NativeError, openLibrary } from "../../src/shim/library.ts";
import { buildShim } from "../../tools/native.ts";
import { fileFolder } from "../testing/folder.ts";
import { libtorchDir } from "../testing/libraries.ts";

const libtorch = await libtorchDir();
const real = { libtorch, shim: (await buildShim({ libtorch })).path };
// Opened libraries are never closed, hence sanitizeResources: false below.
const scratch = await fileFolder();

/** A folder that claims to be libtorch `version` and has the real one's libraries. */
function pretend(version: string): string {
  const dir = `${scratch}/${version}`;
  Deno.mkdirSync(dir, { recursive: true });
  Deno.symlinkSync(`${real.libtorch}/lib`, `${dir}/lib`);
  Deno.writeTextFileSync(`${dir}/version.py`, `__version__ = '${version}'\n`);
  return dir;
}

function refusal(libraries: Libraries): string {
  const error = assertThrows(() => openLibrary(libraries), NativeError);
  assertEquals([error.op, error.code], ["dlopen", "argument"]);
  return error.message;
}

Deno.test(
  "openLibrary refuses a folder without libtorch, naming FEDX_LIBTORCH",
  { sanitizeResources: false },
  () => {
    assertStringIncludes(refusal({ ...real, libtorch: scratch }), "FEDX_LIBTORCH");
  },
);

Deno.test("openLibrary refuses a missing shim with its path", { sanitizeResources: false }, () => {
  assertMatch(refusal({ ...real, shim: `${scratch}/none.so` }), /Cannot open .*none\.so: /);
});

Deno.test("openLibrary refuses a shim of another libtorch minor version with both versions", {
  sanitizeResources: false,
}, () => {
  assertMatch(
    refusal({ ...real, libtorch: pretend("2.9.1") }),
    /built for, libtorch 2\.\d+\.\d+.*got 2\.9\.1/,
  );
});

Deno.test("openLibrary opens once, reports build id and libtorch version, and refuses a second shim", {
  sanitizeResources: false,
}, () => {
  const library = openLibrary(real);
  assertMatch(library.build, /^[0-9a-f]{16}$/);
  assertMatch(library.torch, /^2\.\d+\.\d+/);
  assertEquals(openLibrary({ ...real }), library);
  assertStringIncludes(refusal({ ...real, shim: `${scratch}/other.so` }), "start another process");
});

Deno.test("openLibrary sets the OpenMP and MKL environment before the first open", {
  sanitizeResources: false,
}, () => {
  assertEquals(Deno.env.get("OMP_WAIT_POLICY"), "PASSIVE");
  assertEquals(Deno.env.get("MKL_CBWR"), "AUTO");
  assertMatch(Deno.env.get("OMP_NUM_THREADS") ?? "", /^\d+$/);
});
