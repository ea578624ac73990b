// Why: the aggregator's address is tried as the aggregator would, and given back at once.
import { bad, type Check, good } from "./check.ts";

/** Whether this machine can listen on an address. */
export function checkPort(
  address: { host: string; port: number },
  listen: (options: { hostname: string; port: number }) => { close(): void } = Deno.listen,
): Check {
  const name = "listen", text = `${address.host}:${address.port}`;
  try {
    listen({ hostname: address.host, port: address.port }).close();
    return good(name, `${text} is free`);
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) {
      return bad(
        name,
        `another process is on ${text}`,
        "stop it (an aggregator that runs already is one), or choose another --listen",
      );
    }
    const got = error instanceof Deno.errors.PermissionDenied
      ? "this user may not have it"
      : (error as Error).message;
    return bad(name, `${text}: ${got}`, "name a host of this machine and a port above 1023 with --listen");
  }
}
