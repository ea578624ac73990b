/** The connections of a server, so that it ends when it is told to: SuperNodes keep theirs open. */
import type { Socket } from "node:net";
import type * as http2 from "node:http2";

/** What closes a server with all its connections. */
export function freeSockets(server: http2.Http2SecureServer): () => Promise<void> {
  const sockets = new Set<Socket>(), sessions = new Set<http2.ServerHttp2Session>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => {});
    session.on("close", () => sessions.delete(session));
  });
  server.on("tlsClientError", () => {});
  return async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const session of sessions) session.destroy();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
}
