import { StateFolder } from "../../fed/state/folder.ts";
import type { Output } from "./output.ts";

/** `--new`: moves the last run's state out of the way, if there is one, and says where it lies. */
export async function setAside(
  dir: string,
  options: { role: string; keep?: readonly string[]; output: Output },
): Promise<void> {
  const aside = await StateFolder.setAside(dir, options);
  if (aside !== null) options.output.line(`the last run's state is now ${aside}`);
}
