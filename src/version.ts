/** Which fedx this is, and the one Deno that it runs on. */
import about from "../deno.json" with { type: "json" };

/** The program's version. */
export const VERSION = about.version;

/**
 * The one Deno that may open network connections. Why one: in 2.9.4 to 2.9.6 a peer's polite goodbye (GOAWAY) kills the
 * process (denoland/deno#36788).
 */
export const PINNED_DENO = "2.9.3";

/** How it is had on a machine that has only Node. */
export const RUN_DENO = `npx -y deno@${PINNED_DENO}`;
