import { assertEquals } from "@std/assert";
import { type FedEvent, safely } from "../../../src/fed/protocol/event.ts";
import { freePort } from "../../testing/free_port.ts";
import { runFederation, runRole, withFederation } from "../../testing/fake_federation.ts";

Deno.test("safely: a listener that throws, or rejects, is told the next event all the same", async () => {
  for (const fails of ["throws", "rejects"]) {
    let heard = 0;
    const onEvent = safely(() => {
      heard++;
      const error = new Error("a listener that fails");
      if (fails === "throws") throw error;
      return Promise.reject(error);
    });
    for (let k = 0; k < 3; k++) onEvent({ type: "closing", rounds: 3 });
    await new Promise((resolve) => setTimeout(resolve, 0)); // a rejection that nobody takes would show here
    assertEquals(heard, 3);
  }
});

Deno.test("a run whose listeners fail at every event ends as one whose listeners do not", () =>
  withFederation(async (dir) => {
    const { result: quiet } = await runFederation({ dir, rounds: 2, suffix: "-quiet" });
    const types = new Set<string>();
    const onEvent = (event: FedEvent) => {
      types.add(event.type);
      throw new Error("a listener that fails");
    };
    const spec = { dir, port: freePort(), rounds: 2 };
    const roles = ["aggregator", "a", "b", "c"];
    const [result] = await Promise.all(roles.map((role) => runRole({ ...spec, role }, { onEvent })));
    assertEquals(result.sha256, quiet.sha256);
    const seen = [
      "certificate",
      "listening",
      "session",
      "joined",
      "row",
      "training",
      "committed",
      "finished",
    ];
    assertEquals(seen.filter((type) => !types.has(type)), []);
  }));
