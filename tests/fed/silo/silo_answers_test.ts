import { assertEquals, assertRejects } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { freePort } from "../../testing/free_port.ts";
import { killAt, Killed, runRole, withFederation } from "../../testing/fake_federation.ts";

const answersOf = (state: string) => {
  using db = new DatabaseSync(`${state}/run.sqlite`);
  return db.prepare("SELECT split, sha256, json FROM answers ORDER BY split, sha256").all();
};

Deno.test("runSilo scores a model once, however often it is killed: what was said is said again", () =>
  withFederation(async (dir) => {
    const spec = { dir, port: freePort(), rounds: 2 };
    const others = ["aggregator", "b", "c"].map((role) => runRole({ ...spec, role }));
    const scored: string[] = [];
    const a = (at?: string, nth = 1) =>
      runRole({ ...spec, role: "a" }, {
        onScore: (split) => scored.push(split),
        onFault: killAt(at, nth),
      });
    // After the val scores of round 1 and before its training; in the closing phase; after the test.
    await assertRejects(() => a("scoring"), Killed);
    const first = answersOf(`${dir}/state-a`);
    assertEquals(first.map(({ split }) => split), ["threshold", "val"]);
    await assertRejects(() => a("scoring", 3), Killed);
    await assertRejects(() => a("tested"), Killed);
    await a();
    await Promise.all(others);
    // The last one is of the start, for the hospital alone.
    assertEquals(scored, ["val", "val", "val", "test", "test"]);
    const answers = answersOf(`${dir}/state-a`);
    const kept = ["own", "test", ...Array(3).fill("threshold"), ...Array(3).fill("val")];
    assertEquals(answers.map(({ split }) => split), kept);
    const again = (split: unknown) => ["threshold", "val"].includes(split as string);
    assertEquals(answers.filter(({ split, sha256 }) => again(split) && sha256 === first[0].sha256), first);
  }));
