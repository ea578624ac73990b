import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { readEvents } from "../../src/cli/output/history.ts";
import { fileFolder } from "../testing/folder.ts";
import { Federation, type FederationOptions, hashes, type Results } from "./federation.ts";
import { makeHospitals } from "../testing/hospitals.ts";

const dir = await fileFolder();
let made: Promise<void> | undefined;

/** A run on hospitals that are made once. */
async function federation(options: Omit<FederationOptions, "dir">): Promise<Federation> {
  await (made ??= makeHospitals(dir));
  return new Federation({ dir, ...options });
}

const run = async (options: Omit<FederationOptions, "dir">) => await (await federation(options)).run();
let undisturbed: Promise<Results> | undefined;
const plain = () => undisturbed ??= run({ name: "plain" });

/** The roles that SIGKILL ended. */
const killed = ({ fallen }: Federation) =>
  fallen.filter(({ finished }) => finished.signal === "SIGKILL").map(({ role }) => role);

Deno.test("aggregate and train: same seed, other start order and delays give the same hashes", async () => {
  const { hub, a } = await plain();
  assertEquals(hub.rounds, 4);
  assertEquals([hub.degraded, hub.missing], [false, {}]);
  assertNotEquals(hub.last_sha256, (hub.init as { sha256: string }).sha256);
  assertEquals(a.sha256, hub.sha256);
  const other = await run({
    name: "other-order",
    order: ["c", "b", "hub", "a"],
    faults: { b: ["delay:150"], c: ["delay:40"] },
  });
  assertEquals(hashes(other), hashes(await plain()));
});

Deno.test("aggregate and train: another seed gives other hashes", async () => {
  const other = await run({ name: "other-seed", seed: 1 });
  const [best, last] = hashes(other);
  const [plainBest, plainLast] = hashes(await plain());
  assertNotEquals(best, plainBest);
  assertNotEquals(last, plainLast);
});

Deno.test("a silo killed in training: restarted, both hashes are as undisturbed", async () => {
  const disturbed = await federation({ name: "kill-silo", faults: { b: ["kill:training:2"] } });
  assertEquals(hashes(await disturbed.run()), hashes(await plain()));
  assertEquals(killed(disturbed), ["b"]);
  const events = await readEvents(`${disturbed.state("b")}/events.jsonl`);
  const restart = events.findLastIndex((event) => event.type === "connected");
  const before = events.slice(0, restart);
  const last = before.findLast((event) => event.type === "training" || event.type === "update_written");
  assert(last?.type === "training" && last.round === 2, `the silo died after ${last?.type}`);
});

Deno.test("an aggregator killed while it receives: restarted, both hashes are as undisturbed", async () => {
  const disturbed = await federation({ name: "kill-receiving", faults: { hub: ["kill:receiving:5"] } });
  assertEquals(hashes(await disturbed.run()), hashes(await plain()));
  assertEquals(killed(disturbed), ["hub"]);
  const events = await readEvents(`${disturbed.state("hub")}/events.jsonl`);
  const before = events.slice(0, events.findLastIndex((event) => event.type === "listening"));
  const started = before.filter((event) => event.type === "upload_started").length;
  const whole = before.filter((event) => event.type === "uploaded").length;
  assert(started > whole, `the aggregator died with ${started} uploads started and ${whole} whole`);
});

Deno.test("an aggregator killed after a commit: restarted, both hashes are as undisturbed", async () => {
  const disturbed = await federation({ name: "kill-committed", faults: { hub: ["kill:committed:2"] } });
  assertEquals(hashes(await disturbed.run()), hashes(await plain()));
  assertEquals(killed(disturbed), ["hub"]);
  const events = await readEvents(`${disturbed.state("hub")}/events.jsonl`);
  const before = events.slice(0, events.findLastIndex((event) => event.type === "listening"));
  const opened = before.filter((event) => event.type === "row").length;
  assertEquals(opened, 2);
  assert(before.every((event) => event.type !== "row" || event.row.round < 3));
});
