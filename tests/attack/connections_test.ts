/** Strangers who hold on to the port: half-open handshakes by the thousand, and a log that cannot be written. */
import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import type { FedEvent } from "../../src/fed/protocol/event.ts";
import type { AggregatorResult } from "../../src/fed/training/result.ts";
import { childFlags, linesOf } from "../testing/child.ts";
import { type RoleSpec, runRole, withFederation } from "../testing/fake_federation.ts";
import { freePort } from "../testing/free_port.ts";
import { Distant } from "./distant.ts";

const ROLE = fileURLToPath(new URL("../testing/fake_federation.ts", import.meta.url));
const STRANGERS = fileURLToPath(new URL("./hostile_sockets.ts", import.meta.url));
const HOSTILE = 1000;
/** Open files that the hub may have: fewer it refuses. */
const FILES = 256;
/** Seconds to a hospital, one way. */
const DISTANCE = 0.04;

/** Waits until somebody listens; a minute at most. */
async function listening(port: number): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    const socket = await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => null);
    if (socket !== null) return socket.close();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("nobody listens after a minute");
}

async function end(child: Deno.ChildProcess): Promise<void> {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended.
  }
  await child.status;
}

/** A role as a process that may open so many files. */
async function confined(spec: RoleSpec, files: number): Promise<Deno.ChildProcess> {
  const program = [Deno.execPath(), "run", "-A", ...await childFlags(), ROLE, JSON.stringify(spec)];
  const args = ["-c", 'ulimit -n "$0"; exec "$@"', String(files), ...program];
  return new Deno.Command("sh", { args, stdout: "piped", stderr: "inherit" }).spawn();
}

/** A thousand strangers who hold on to a port until disposed of, once each of them has tried to. */
async function strangers(port: number): Promise<AsyncDisposable> {
  const args = ["run", "--no-config", "--allow-net", STRANGERS, String(port), String(HOSTILE)];
  const child = new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "inherit" }).spawn();
  const lines = linesOf(child.stdout);
  await lines.next();
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      await lines.next();
    },
  };
}

Deno.test("a run of distant silos completes while 1,000 strangers hold on to a hub of 256 files, and come back at once", () =>
  withFederation(async (dir) => {
    const port = freePort();
    const hub = await confined(
      { dir, port, role: "aggregator", rounds: 2, proposal: { joinTimeout: 200 } },
      FILES,
    );
    const output = new Response(hub.stdout).text();
    try {
      await listening(port);
      await using _strangers = await strangers(port);
      await using line = new Distant(port, DISTANCE);
      const spec = { dir, port: line.port, rounds: 2 };
      await Promise.all(["a", "b", "c"].map((role) => runRole({ ...spec, role }, { wait: 200 })));
      assertEquals((await hub.status).code, 0);
      const { result } = JSON.parse((await output).trim().split("\n").at(-1)!);
      assertEquals([result.rounds, result.degraded], [2, false]);
    } finally {
      await end(hub);
      await output;
    }
  }));

Deno.test("strangers end no hub whose log cannot be written, and a run over it is as any other", () =>
  withFederation(async (dir) => {
    const up = Promise.withResolvers<void>();
    let refused = 0;
    const onEvent = ({ type }: FedEvent) => {
      if (type === "listening") up.resolve();
      if (type === "refused") refused++;
      throw new Error("No space left on device (os error 28)");
    };
    const spec = { dir, port: freePort(), rounds: 2 };
    const hub = runRole({ ...spec, role: "aggregator" }, { onEvent });
    await up.promise;
    for (let i = 0; i < 20; i++) {
      using stranger = await Deno.connect({ hostname: "127.0.0.1", port: spec.port });
      await stranger.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
      await stranger.read(new Uint8Array(64)).catch(() => {});
    }
    const silos = ["a", "b", "c"].map((role) => runRole({ ...spec, role }, { onEvent }));
    const [result] = await Promise.all([hub, ...silos]) as [AggregatorResult];
    assertEquals([result.rounds, result.degraded], [2, false]);
    assert(refused >= 17, `${refused} refusals were told`);
  }));
