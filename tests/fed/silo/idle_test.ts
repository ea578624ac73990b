import { assertEquals } from "@std/assert";
import type { FedEvent } from "../../../src/fed/protocol/event.ts";
import { runRole, withFederation } from "../../testing/fake_federation.ts";
import { freePort } from "../../testing/free_port.ts";

Deno.test("a silo tells what it does and what it waits for, from joining to the end", () =>
  withFederation(async (dir) => {
    const spec = { dir, port: freePort(), rounds: 2 };
    const events: FedEvent[] = [];
    const joined = Promise.withResolvers<void>();
    const onEvent = (event: FedEvent) => {
      events.push(event);
      if (event.type === "idle") joined.resolve();
    };
    const first = [runRole({ ...spec, role: "aggregator" }), runRole({ ...spec, role: "a" }, { onEvent })];
    await joined.promise;
    // b is slow, so that a waits for it.
    const others = ["b", "c"].map((role) => runRole({ ...spec, role, ...role === "b" && { delay: 0.05 } }));
    await Promise.all([...first, ...others]);
    const told = events.flatMap((event) =>
      event.type === "phase"
        ? [`${event.phase} ${event.round}`]
        : event.type === "idle"
        ? [`${event.until} ${event.round}`]
        : []
    );
    const turn = (round: number) =>
      ["pulling", "scoring", "training", "uploading", "round"].map((what) => `${what} ${round}`);
    // Whoever tests last has nothing more to wait for.
    assertEquals([...new Set(told)].filter((one) => one !== "end 2"), [
      "plan 0",
      ...turn(1),
      ...turn(2),
      ...["scoring 3", "selection 2", "closing 2"],
    ]);
  }));
