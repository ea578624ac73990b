/**
 * What a new run must not forget of the last one, while it is between two state folders: a file beside both.
 *
 * Why: the old folder is moved away before the new one is there, and a process that is killed in between would lose it.
 */
import { writeDurably } from "../../files/durable.ts";
import { obstacleTo } from "../../files/obstacle.ts";
import { ProtocolError } from "../protocol/errors.ts";

/** Values by key. */
export type Kept = Record<string, unknown>;

const pathOf = (dir: string) => `${dir.replace(/\/+$/, "")}.kept.json`;

/** Keeps values for the next folder `dir` of this role. */
export async function keepFor(dir: string, role: string, values: Kept): Promise<void> {
  await writeDurably(pathOf(dir), JSON.stringify({ role, values }) + "\n");
}

/** What is kept for a new folder `dir` of this role. @throws {ProtocolError} `damaged_state`. */
export function keptFor(dir: string, role: string): Kept {
  const path = pathOf(dir);
  try {
    const found = JSON.parse(Deno.readTextFileSync(path));
    return found.role === role ? { ...found.values } : {};
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return {};
    if (obstacleTo(path, cause) !== null) throw cause; // another user's, say: no damage
    throw new ProtocolError("damaged_state", {
      expected: `what the last run has left for the next one in ${path}`,
      got: "something else",
      remedy: "put the CA's newest revoked.json into --tls, if there is one, and remove that file",
      cause,
    });
  }
}

/** Ends the keeping: the new folder has it. */
export async function dropKept(dir: string): Promise<void> {
  await Deno.remove(pathOf(dir)).catch(() => {}); // a folder that is there does not look at it again
}
