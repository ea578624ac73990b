/**
 * What stands in the way of a file or folder, in words with a remedy.
 *
 * Why one place: whoever cannot open a key, a shard or a model must hear whether it is missing or merely not theirs to
 * read. “Make another one” is the wrong remedy for a file that belongs to another user, and an expensive one.
 */
import { dirname, resolve } from "node:path";

/** `got` ends “expected …, got”; `remedy` is what to do; `elsewhere`: it says to name another place. */
export interface Obstacle {
  got: string;
  remedy: string;
  elsewhere?: true;
}

const SPACE = "free some space and run the same command again";
/** What the system's codes mean. */
const CODES: Record<string, [got: string, remedy: string, elsewhere?: true]> = {
  EROFS: ["a read-only disk", "name a place on another one", true],
  ENOTDIR: ["a file where a folder should be", "move that file, or name another place", true],
  EISDIR: ["a folder where a file should be", "name a file", true],
  EEXIST: ["something there already", "remove it, or name another place", true],
  ELOOP: ["links that lead to each other", "name the file itself", true],
  ENAMETOOLONG: ["a name that is too long", "name a shorter one", true],
  ENOSPC: ["a full disk", SPACE],
  EDQUOT: ["this user's share of the disk used up", SPACE],
  EFBIG: [
    "a limit on the size of one file (ulimit -f, or the file system's)",
    "raise it, or name another place",
    true,
  ],
  ENOLCK: ["a disk without locks", "name a place on another one", true],
  ENOTSUP: ["a disk that lacks what fedx needs, such as locks", "name a place on another one", true],
  EIO: ["a disk that fails", "look at the machine's log (dmesg) and at the disk"],
  EMFILE: ["too many open files", "raise the limit: ulimit -n 1024"],
};

/** Codes that Deno leaves out, by the system's numbers. */
const NUMBERS: Record<string, string> = { 27: "EFBIG", 37: "ENOLCK" };

/** Deno's classes, for errors that carry no code. */
const CLASSES = [
  [Deno.errors.NotFound, "ENOENT"],
  [Deno.errors.PermissionDenied, "EACCES"],
  [Deno.errors.NotADirectory, "ENOTDIR"],
  [Deno.errors.IsADirectory, "EISDIR"],
  [Deno.errors.AlreadyExists, "EEXIST"],
  [Deno.errors.FilesystemLoop, "ELOOP"],
] as const;

/** The system's code of an error of the file system, such as `ENOENT`; undefined for other errors. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, message } = error as Error & { code?: string };
  if (code !== undefined) return code;
  const number = NUMBERS[/\(os error (\d+)\)/.exec(message)?.[1] ?? ""];
  if (number !== undefined) return number;
  return CLASSES.find(([kind]) => error instanceof kind)?.[1];
}

/**
 * What kept `path` from being used; null where nobody knows which it was.
 *
 * @param error what using it failed with
 * @returns null where nothing is there, or the error is none of the file system: only the caller knows a remedy.
 */
export function obstacleTo(path: string | null, error: unknown): Obstacle | null {
  if (error instanceof Deno.errors.NotCapable) {
    return /"\/(dev|proc|sys)\b/.test(error.message)
      ? {
        got: "a place in /dev, /proc or /sys that fedx does not open",
        remedy: "name a file elsewhere",
        elsewhere: true,
      }
      : { got: "what fedx gives itself no right to", remedy: "report it as a fault of fedx" };
  }
  const code = codeOf(error);
  if (code === "EACCES" || code === "EPERM") return denial(blockerOf(path));
  const [got, remedy, elsewhere] = CODES[code ?? ""] ?? [];
  return got === undefined ? null : { got, remedy, ...elsewhere && { elsewhere } };
}

/** Whose file or folder stops this user; null where that cannot be seen. */
export interface Blocker {
  path: string | null;
  /** Number of the user it belongs to. */
  owner: number | null;
  /** Permission bits. */
  mode: number | null;
  isFolder: boolean;
}

/** The words for a file or folder that this user may not use. */
export function denial({ path, owner, mode, isFolder }: Blocker): Obstacle {
  if (owner === null || mode === null) {
    return {
      got: path === null ? "no permission" : `no permission for ${path}`,
      remedy: "change its permissions, or name another place",
      elsewhere: true,
    };
  }
  const who = owner === 0 ? "root" : `user ${owner}`;
  const octal = `0${(mode & 0o777).toString(8).padStart(3, "0")}`;
  const got = `no permission: ${path} belongs to ${who}, mode ${octal}`;
  // An owner with all rights, and yet no permission: this user is another one.
  const rights = isFolder ? 0o700 : 0o600;
  if ((mode & rights) !== rights) {
    return { got, remedy: `as ${who} run: chmod u+${isFolder ? "rwx" : "rw"} ${path}` };
  }
  return { got, remedy: `run fedx as ${who}, or give it to this user: sudo chown "$(id -u)" ${path}` };
}

/** The first of the path's folders that lets this user no further, or the file itself. */
function blockerOf(path: string | null): Blocker {
  if (path === null) return { path, owner: null, mode: null, isFolder: false };
  const ways = [resolve(path)];
  while (dirname(ways[0]) !== ways[0]) ways.unshift(dirname(ways[0]));
  let last: Blocker = { path, owner: null, mode: null, isFolder: false };
  for (const way of ways) {
    try {
      const { uid, mode, isDirectory } = Deno.statSync(way);
      last = { path: way, owner: uid, mode, isFolder: isDirectory };
    } catch {
      break; // not seen from here: the folder before it is in the way
    }
  }
  return last;
}
