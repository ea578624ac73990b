/** Whether this machine has a g++ that can build native/. */

/** The oldest g++ that knows enough of C++20. */
const OLDEST = 11;

/**
 * The first line that `g++ --version` prints.
 *
 * @throws {Error} one sentence with the remedy: no g++, or one that is too old
 */
export async function compilerVersion(): Promise<string> {
  const remedy = "install it (Debian: apt install g++) and run again.";
  const refuse = (got: string) =>
    new Error(`Cannot build the training engine: expected g++ ${OLDEST} or newer, got ${got}; ${remedy}`);
  try {
    const { success, stdout } = await new Deno.Command("g++", {
      args: ["--version"],
      stdout: "piped",
      stderr: "null",
    }).output();
    if (!success) throw refuse("one that does not run");
    const line = new TextDecoder().decode(stdout).split("\n")[0];
    const [, major] = /(\d+)\.\d+/.exec(line.replaceAll(/\(.*?\)/g, "")) ?? []; // in brackets: the packager's
    if (Number(major ?? 0) < OLDEST) throw refuse(line);
    return line;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw refuse("none");
    throw error;
  }
}
