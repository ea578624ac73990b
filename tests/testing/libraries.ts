/** Native libraries for tests: the libtorch that the task found, and the shim built from this tree (at once when up to date). */
import { type Libraries, openLibrary } from "../../src/shim/library.ts";
import { findLibtorch } from "../../src/shim/libtorch/find.ts";
import { buildShim } from "../../tools/native.ts";

/** Folder of the libtorch to test with, headers included. */
export async function libtorchDir(): Promise<string> {
  const found = await findLibtorch({ headers: true });
  if (found) return found.dir;
  throw new Error(
    "Cannot test the engine: expected libtorch, found none; run the tests with `deno task test`, which fetches it",
  );
}

/**
 * Both, opened: call it at a test file's top level, since a library that is opened inside a test (and never closed)
 * counts as that test's leak.
 */
export async function libraries(): Promise<Libraries> {
  const libtorch = await libtorchDir();
  const found = { libtorch, shim: Deno.env.get("FEDX_SHIM") ?? (await buildShim({ libtorch })).path };
  openLibrary(found);
  return found;
}
