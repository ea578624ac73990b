/** Strangers who hold on to the port: half-open handshakes by the thousand, and a log that cannot be written. */
import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import type { FedEvent } from "../../src/fed/event.ts";
import type { AggregatorResult } from "../../src/fed/result.ts";
import { childFlags, linesOf } from "../child.ts";
import { runRole, withFederation } from "../fed/fake_federation.ts";
import { freePort } from "../free_port.ts";

const PROGRAM = fileURLToPath(new URL("../fed/fake_federation.ts", import.meta.url));
const HOSTILE = 1000;
/** The first bytes of a TLS ClientHello of 512 bytes, which never come. */
const HALF = Uint8Array.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]);

/** Opens connections until stopped, each again soon after it is closed: half of them silent, half in mid-handshake. */
class Strangers {
  readonly #port: number;
  readonly #sockets = new Set<Deno.TcpConn>();
  #stopped = false;
  opened = 0;

  constructor(port: number) {
    this.#port = port;
  }

  async hold(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, (_, index) => this.#keep(index)));
  }

  async #keep(index: number): Promise<void> {
    while (!this.#stopped) {
      try {
        const socket = await Deno.connect({ hostname: "127.0.0.1", port: this.#port });
        this.#sockets.add(socket);
        this.opened++;
        if (index % 2 === 1) await socket.write(HALF);
        await socket.read(new Uint8Array(64)).finally(() => {
          if (this.#sockets.delete(socket)) socket.close();
        });
      } catch {
        // Refused or reset: again.
      }
      await new Promise((resolve) => setTimeout(resolve, 2000 * Math.random()));
    }
  }

  stop(): void {
    this.#stopped = true;
    for (const socket of this.#sockets) socket.close();
    this.#sockets.clear();
  }
}

Deno.test("a run completes while 1,000 strangers hold on to a hub that may open 300 files", () =>
  withFederation(async (dir) => {
    const port = freePort();
    const spec = JSON.stringify({ dir, port, role: "aggregator", rounds: 2 });
    const command = [Deno.execPath(), "run", "-A", ...await childFlags(), PROGRAM, spec];
    const hub = new Deno.Command("sh", {
      args: ["-c", 'ulimit -n 300; exec "$@"', "sh", ...command],
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const strangers = new Strangers(port);
    let held = Promise.resolve();
    try {
      const lines = linesOf(hub.stdout);
      held = strangers.hold(HOSTILE);
      while (strangers.opened < HOSTILE) await new Promise((resolve) => setTimeout(resolve, 50));
      const silos = Promise.all(
        ["a", "b", "c"].map((role) => runRole({ dir, port, role, rounds: 2 }, { wait: 300 })),
      );
      silos.catch(() => {}); // awaited below, once the hub has ended
      let result: AggregatorResult | undefined;
      for await (const line of lines) {
        if (line.includes('"result"')) result = JSON.parse(line).result;
      }
      await silos;
      assertEquals([result?.rounds, result?.degraded], [2, false]);
      assertEquals((await hub.status).code, 0);
    } finally {
      strangers.stop();
      await held;
      try {
        hub.kill("SIGKILL");
      } catch {
        // It has ended.
      }
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
