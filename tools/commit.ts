/** Of which commit the sources of an archive are. */
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** One line: the commit, and how many files are not as it has them. Where there is no git, that is what it says. */
export async function commitLine(root: string = ROOT): Promise<string> {
  const commit = await git(root, ["rev-parse", "HEAD"]);
  if (commit === null) return "no commit: packed outside of git";
  const changed = (await git(root, ["status", "--porcelain", "--untracked-files=all", "--no-renames"]) ?? "")
    .split("\n").filter((line) => line !== "");
  return changed.length === 0 ? commit : `${commit} + ${changed.length} changed files`;
}

/** What git prints; null where it fails or is not there. */
async function git(root: string, args: string[]): Promise<string | null> {
  try {
    const command = new Deno.Command("git", { args: ["-C", root, ...args], stdout: "piped", stderr: "null" });
    const { success, stdout } = await command.output();
    return success ? new TextDecoder().decode(stdout).trim() : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
