/** The listening socket: opened with a plain reason where it cannot be, and kept listening. */
import type { Server } from "node:net";
import { ProtocolError } from "../protocol/errors.ts";

/**
 * Connections that the system holds for a process that is busy. Deno 2.9.3 takes all of them at once and closes those
 * that are one too many only after that, so a longer queue would be as many more open files.
 */
const BACKLOG = 32;

/** Milliseconds between two looks. */
const LOOK = 1000;

/** Listens; returns the port. @throws {ProtocolError} `port_in_use`, `cannot_listen`. */
export function listen(server: Server, options: { host: string; port: number }): Promise<number> {
  const { host, port } = options;
  return new Promise((resolve, reject) => {
    const refuse = (cause: Error & { code?: string }) => reject(listenError(`${host}:${port}`, cause));
    server.once("error", refuse);
    server.listen(port, host, BACKLOG, () => {
      server.off("error", refuse);
      resolve((server.address() as { port: number }).port);
    });
  });
}

function listenError(address: string, cause: Error & { code?: string }): ProtocolError {
  if (cause.code === "EADDRINUSE") {
    return new ProtocolError("port_in_use", {
      expected: `${address} to be free`,
      got: "another process on it",
      cause,
    });
  }
  const got = cause.code === "EACCES" ? "no permission for that port" : cause.message;
  return new ProtocolError("cannot_listen", { expected: `to listen on ${address}`, got, cause });
}

/**
 * Keeps a listening socket listening, until the server has closed.
 *
 * Why: in Deno 2.9.3 one that a connection cannot be taken from, because this process has too many open files, says
 * nothing and is never looked at again, however many are closed. Listening once more makes Deno look; for the system
 * nothing changes.
 */
export function keepListening(server: Server): void {
  const handle = () => (server as { _handle?: { listen(backlog: number): number } | null })._handle;
  const timer = setInterval(() => handle()?.listen(BACKLOG), LOOK);
  server.on("close", () => clearInterval(timer));
}
