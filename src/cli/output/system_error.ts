// Why: what the system says (“No such file or directory (os error 2): open 'x'”) names no remedy.

/** What was wrong with the path, and what to do, by the system's code. */
const TEXTS: Record<string, [what: string, remedy: string]> = {
  ENOENT: ["there is no such file or folder", "check the path, or make the folder that it lies in"],
  EACCES: ["this user may not", "change its permissions, or name another place"],
  EPERM: ["this user may not", "change its permissions, or name another place"],
  EROFS: ["its disk is read-only", "name a place on another one"],
  ENOTDIR: ["expected a folder, got a file", "move that file, or name another place"],
  EISDIR: ["expected a file, got a folder", "name a file"],
  EEXIST: ["there is one already", "remove it, or name another place"],
  ENOSPC: ["the disk is full", "free some space and run the same command again"],
  EFBIG: [
    "a file may be no larger here (ulimit -f, or the file system's limit)",
    "raise it, or name another place",
  ],
  EDQUOT: ["this user's share of the disk is full", "free some space and run the same command again"],
};

/** One sentence with path and remedy for a bare error of the file system; undefined for every other error. */
export function describeSystemError(error: Error): string | undefined {
  const { code, message, path } = error as Error & { code?: string; path?: string };
  // Deno gives a write that a file's limit stops no code.
  const known = TEXTS[code ?? (message.includes("(os error 27)") ? "EFBIG" : "")];
  if (known === undefined || message.startsWith("Cannot ")) return undefined;
  const quoted = /'(.+?)'(?: -> '.*')?$/.exec(message)?.[1];
  const subject = path ?? quoted ?? (message.endsWith("tmpdir") ? "the folder of TMPDIR" : "a file");
  return `Cannot use ${subject}: ${known[0]}; ${known[1]}.`;
}
