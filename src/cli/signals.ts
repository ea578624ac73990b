import { shutdown } from "../model/shutdown.ts";
import type { Output } from "./output/output.ts";

/**
 * Milliseconds in which a second signal is the first one's echo: Ctrl-C reaches the whole group of processes, and
 * `deno task` passes it on as well.
 */
const ECHO = 1000;

/** The exit codes of a command that a signal stopped: 128 and the signal's number, as shells have it. */
export const STOPPED = { SIGINT: 130, SIGTERM: 143 } as const;

/** What a command hears of signals. */
export interface Stop {
  /** Aborted by the first one. */
  signal: AbortSignal;
  /** The exit code that the first one asks for. */
  readonly code: number;
  release(): void;
}

/**
 * First signal: ask the command to stop at its next border. A second one later: leave at once.
 *
 * @param options.leave ends the process @default Deno.exit after the engine's shutdown
 */
export function stopOnSignals(
  output: Pick<Output, "line">,
  options: { leave?: (code: number) => void } = {},
): Stop {
  const leave = options.leave ?? ((code) => {
    shutdown();
    Deno.exit(code);
  });
  const controller = new AbortController();
  let first = 0, code = 0;
  const listeners = (["SIGINT", "SIGTERM"] as const).map((name) => {
    const stop = () => {
      if (controller.signal.aborted) {
        if (performance.now() - first > ECHO) leave(STOPPED[name]);
        return;
      }
      first = performance.now();
      code = STOPPED[name];
      output.line("Stopping …");
      controller.abort(new DOMException("stopped by a signal", "AbortError"));
    };
    Deno.addSignalListener(name, stop);
    return () => Deno.removeSignalListener(name, stop);
  });
  return {
    signal: controller.signal,
    get code() {
      return code;
    },
    release: () => listeners.forEach((remove) => remove()),
  };
}
