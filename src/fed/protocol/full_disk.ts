/** How a role says that its disk has no room left: one coded failure, whoever reported it. */
import { ProtocolError } from "./errors.ts";

/** What a write fails with for want of room, and what the operator lacks then. */
const NO_ROOM: [code: string, text: RegExp, got: string][] = [
  ["ENOSPC", /\(os error 28\)|database or disk is full/, "none left"],
  ["EDQUOT", /\(os error 122\)/, "this user's quota used up"],
  ["EFBIG", /\(os error 27\)/, "a limit on the size of one file (ulimit -f, or the file system's)"],
];

/**
 * The coded failure when `error` says that there is no room to write, else `error` itself.
 *
 * @param place.folder Where it was written. @default "--state"
 * @param place.remedy Replaces the table's.
 */
export function nameFullDisk(error: unknown, place: { folder?: string; remedy?: string } = {}): unknown {
  const { code, message } = error instanceof Error ? error as Error & { code?: string } : { message: "" };
  const lack = NO_ROOM.find(([known, text]) => code === known || text.test(message));
  if (lack === undefined || error instanceof ProtocolError) return error;
  const { folder = "--state", remedy } = place;
  return new ProtocolError("disk_full", {
    expected: `space on the disk of ${folder}`,
    got: lack[2],
    remedy,
    cause: error,
  });
}
