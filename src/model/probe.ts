import { type Libraries, openLibrary } from "../shim/library.ts";

/**
 * Opens libtorch and the shim without making an engine: the build id, and the libtorch that the shim was built for.
 *
 * @throws {NativeError} op "dlopen": a file is missing or damaged, or the shim belongs to another libtorch
 */
export function openEngine(libraries: Libraries): { build: string; torch: string } {
  const { build, torch } = openLibrary(libraries);
  return { build, torch };
}
