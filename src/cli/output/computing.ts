// Why: --device auto takes the CPU where no GPU works; somebody with a GPU must not learn that from the hours it takes.
import { plural } from "../../plural.ts";
import type { Libraries } from "../../model/engine.ts";
import { shimFile } from "../../shim/libtorch/flavour.ts";

/** Where a command that trains computes, in one line; a warning where it could have been the GPU. */
export function computingLine(
  { device, threads }: { device: string; threads: number },
  { asked, libraries }: { asked: string; libraries: Libraries },
): string {
  if (device !== "cpu") return `computing on ${device}, in half precision`;
  const cpu = `computing on the CPU, ${plural(threads, "thread")}`;
  if (asked === "cpu" || !libraries.shim.endsWith(shimFile("cuda"))) return cpu;
  return `warning: ${cpu}: the NVIDIA driver is here, but no GPU that works (--device cuda says why)`;
}
