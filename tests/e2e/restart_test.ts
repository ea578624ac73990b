import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { readEvents } from "../../src/cli/history.ts";
import { makeHospitals, SILOS } from "./hospitals.ts";
import { objectOf, type Running, start } from "./program.ts";
import { freePort } from "../fed/fake_federation.ts";

const dir = await Deno.makeTempDir({ prefix: "fedx-restart-" });
globalThis.addEventListener("unload", () => Deno.removeSync(dir, { recursive: true }));
let made: Promise<void> | undefined;

/** A run of four rounds of two steps; `delay` waits before each role starts, in order. */
interface RunOptions {
  name: string;
  seed?: number;
  /** Roles in the order in which they start. @default hub, a, b, c */
  order?: readonly string[];
  /** Fault by role, for its first start. */
  faults?: Record<string, string>;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A federation of real processes; a role killed by its fault is started again without it. */
class Federation {
  readonly #port = freePort();
  readonly kills: string[] = [];

  constructor(readonly options: RunOptions) {}

  state(role: string): string {
    return `${dir}/${this.options.name}/${role}`;
  }

  #args(role: string): string[] {
    const seed = String(this.options.seed ?? 0);
    const common = ["--tls", `tls-${role}`, "--state", this.state(role), "--json"];
    return role === "hub"
      ? ["aggregate", "--silos", "a,b,c", "--listen", `127.0.0.1:${this.#port}`, "--rounds", "4"].concat(
        ["--size", "32", "--init", "random", "--seed", seed, ...common],
      )
      : ["train", "--silo", role, "--server", `https://127.0.0.1:${this.#port}`].concat(
        ["--shard", `shard-${role}`, "--threads", "1", "--wait", "2m", ...common],
      );
  }

  async #role(role: string, running: Set<Running>): Promise<Record<string, unknown>> {
    let fault = this.options.faults?.[role];
    while (true) {
      const process = await start(this.#args(role), { cwd: dir, fault });
      running.add(process);
      const finished = await process.finished;
      running.delete(process);
      if (finished.signal !== "SIGKILL" || fault === undefined) return objectOf(finished, role);
      this.kills.push(role);
      fault = undefined;
    }
  }

  /** The results by role. */
  async run(): Promise<Record<string, Record<string, unknown>>> {
    await (made ??= makeHospitals(dir));
    const order = this.options.order ?? ["hub", ...SILOS];
    const running = new Set<Running>();
    try {
      const roles = order.map(async (role, index) => {
        await pause(index * 400);
        return [role, await this.#role(role, running)] as const;
      });
      return Object.fromEntries(await Promise.all(roles));
    } finally {
      for (const { child } of running) child.kill("SIGKILL");
      await Promise.all([...running].map((process) => process.finished));
    }
  }
}

let undisturbed: Promise<Record<string, Record<string, unknown>>> | undefined;
const plain = () => undisturbed ??= new Federation({ name: "plain" }).run();
const hashes = ({ hub }: Record<string, Record<string, unknown>>) => [hub.sha256, hub.last_sha256];

Deno.test("aggregate and train: same seed, other start order and delays give the same hashes", async () => {
  const { hub, a } = await plain();
  assertEquals(hub.rounds, 4);
  assertEquals([hub.degraded, hub.missing], [false, {}]);
  assertNotEquals(hub.last_sha256, (hub.init as { sha256: string }).sha256);
  assertEquals(a.sha256, hub.sha256);
  const other = await new Federation({
    name: "other-order",
    order: ["c", "b", "hub", "a"],
    faults: { b: "delay:150", c: "delay:40" },
  }).run();
  assertEquals(hashes(other), hashes(await plain()));
});

Deno.test("aggregate and train: another seed gives other hashes", async () => {
  const other = await new Federation({ name: "other-seed", seed: 1 }).run();
  const [best, last] = hashes(other);
  const [plainBest, plainLast] = hashes(await plain());
  assertNotEquals(best, plainBest);
  assertNotEquals(last, plainLast);
});

Deno.test("a silo killed in training: restarted, both hashes are as undisturbed", async () => {
  const federation = new Federation({ name: "kill-silo", faults: { b: "kill:training:2" } });
  assertEquals(hashes(await federation.run()), hashes(await plain()));
  assertEquals(federation.kills, ["b"]);
  const events = await readEvents(`${federation.state("b")}/events.jsonl`);
  const restart = events.findLastIndex((event) => event.type === "connected");
  const before = events.slice(0, restart);
  const last = before.findLast((event) => event.type === "training" || event.type === "update_written");
  assert(last?.type === "training" && last.round === 2, `the silo died after ${last?.type}`);
});

Deno.test("an aggregator killed while it receives: restarted, both hashes are as undisturbed", async () => {
  const federation = new Federation({ name: "kill-receiving", faults: { hub: "kill:receiving:5" } });
  assertEquals(hashes(await federation.run()), hashes(await plain()));
  assertEquals(federation.kills, ["hub"]);
  const events = await readEvents(`${federation.state("hub")}/events.jsonl`);
  const before = events.slice(0, events.findLastIndex((event) => event.type === "listening"));
  const started = before.filter((event) => event.type === "upload_started").length;
  const whole = before.filter((event) => event.type === "uploaded").length;
  assert(started > whole, `the aggregator died with ${started} uploads started and ${whole} whole`);
});

Deno.test("an aggregator killed after a commit: restarted, both hashes are as undisturbed", async () => {
  const federation = new Federation({ name: "kill-committed", faults: { hub: "kill:committed:2" } });
  assertEquals(hashes(await federation.run()), hashes(await plain()));
  assertEquals(federation.kills, ["hub"]);
  const events = await readEvents(`${federation.state("hub")}/events.jsonl`);
  const before = events.slice(0, events.findLastIndex((event) => event.type === "listening"));
  const opened = before.filter((event) => event.type === "row").length;
  assertEquals(opened, 2);
  assert(before.every((event) => event.type !== "row" || event.row.round < 3));
});
