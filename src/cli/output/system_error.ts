// Why: what the system says (“No such file or directory (os error 2): open 'x'”) names no remedy.
import { codeOf, obstacleTo } from "../../files/obstacle.ts";

/** What is wrong with which path, and what to do about it. */
export interface SystemError {
  /** Absent where the system does not say which. */
  path?: string;
  what: string;
  remedy: string;
}

/** A bare error of the file system with its path and a remedy; undefined for every other error. */
export function readSystemError(error: unknown): SystemError | undefined {
  if (!(error instanceof Error) || error.message.startsWith("Cannot ")) return undefined;
  const { message, path } = error as Error & { path?: string };
  const quoted = /['"](.+?)['"](?: -> '.*')?(?:, run again .*)?$/.exec(message)?.[1];
  const named = (path ?? quoted)?.replace(/\.[\da-f]{8}-[\da-f-]{27}\.tmp$/, "");
  const subject = named ?? (message.endsWith("tmpdir") ? "the folder of TMPDIR" : "a file");
  if (codeOf(error) === "ENOENT") {
    const remedy = "check the path, or make the folder that it lies in";
    return { path: named, what: `Cannot use ${subject}: there is no such file or folder`, remedy };
  }
  const found = obstacleTo(named ?? null, error);
  if (found === null) return undefined;
  return { path: named, what: `Cannot use ${subject}: ${found.got}`, remedy: found.remedy };
}

/** The same as one sentence. */
export function describeSystemError(error: Error): string | undefined {
  const found = readSystemError(error);
  return found && `${found.what}; ${found.remedy}.`;
}
