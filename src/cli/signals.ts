import { shutdown } from "../model/shutdown.ts";
import type { Output } from "./output/output.ts";

/**
 * Milliseconds in which a second signal is the first one's echo: Ctrl-C reaches the whole group of processes, and
 * `deno task` passes it on as well.
 */
const ECHO = 1000;

/**
 * First signal: ask the command to stop at its next border. A second one later: leave at once.
 *
 * @param options.leave ends the process @default Deno.exit after the engine's shutdown
 */
export function stopOnSignals(
  output: Pick<Output, "line">,
  options: { leave?: () => void } = {},
): { signal: AbortSignal; release: () => void } {
  const leave = options.leave ?? (() => {
    shutdown();
    Deno.exit(1);
  });
  const controller = new AbortController();
  const signals = ["SIGINT", "SIGTERM"] as const;
  let first = 0;
  const stop = () => {
    if (controller.signal.aborted) {
      if (performance.now() - first > ECHO) leave();
      return;
    }
    first = performance.now();
    output.line("Stopping …");
    controller.abort(new DOMException("stopped by a signal", "AbortError"));
  };
  for (const name of signals) Deno.addSignalListener(name, stop);
  return {
    signal: controller.signal,
    release: () => signals.forEach((name) => Deno.removeSignalListener(name, stop)),
  };
}
