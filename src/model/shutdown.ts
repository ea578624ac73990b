/** Leaving the process while native code may be at work. */
import { openedLibrary } from "../shim/library.ts";

/** Ends all native work and frees everything; waits for the steps under way. Engines are unusable afterwards. */
export function shutdown(): void {
  openedLibrary()?.symbols.fedx_shutdown();
}

/** Engines, data sets and tickets not yet freed; 0 when no library was opened. */
export function liveHandles(): number {
  return openedLibrary()?.symbols.fedx_live_handles() ?? 0;
}

let guarded = false;

/**
 * Shuts native work down on every way out: Deno.exit, an uncaught error, an unhandled rejection, the natural end.
 * Without it, an exit during libtorch's work crashes the process and loses its status.
 *
 * @param onFailure hears the uncaught error or rejection before the process exits with status 1
 */
export function guardExit(onFailure: (reason: unknown) => void): void {
  if (guarded) return;
  guarded = true;
  globalThis.addEventListener("unload", shutdown);
  const fail = (event: Event, reason: unknown) => {
    event.preventDefault();
    onFailure(reason);
    shutdown();
    Deno.exit(1);
  };
  globalThis.addEventListener("error", (event) => fail(event, event.error));
  globalThis.addEventListener("unhandledrejection", (event) => fail(event, event.reason));
}
