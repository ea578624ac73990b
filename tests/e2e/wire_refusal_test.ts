import { assert, assertEquals, assertMatch } from "@std/assert";
import { readEvents } from "../../src/cli/output/history.ts";
import { fileFolder } from "../testing/folder.ts";
import { OTHER_BASE } from "./faulty_wire.ts";
import { Federation, type Results } from "./federation.ts";
import { makeHospitals, SILOS } from "../testing/hospitals.ts";
import { assertRefused } from "../testing/program.ts";

const dir = await fileFolder();

/** One round without masks, under which a NaN is a number like others; a and b are started again when their first fault has ended them. */
const hurt = new Federation({
  dir,
  name: "hurt",
  rounds: 1,
  flags: ["--batch", "8", "--unmasked"],
  faults: { a: ["wire:nan", "wire:flip"], b: ["wire:always", "wire:truncate"], c: ["wire:base+rot"] },
});
let made: Promise<void> | undefined;
const hospitals = () => made ??= makeHospitals(dir);
let running: Promise<Results> | undefined;
const results = () => running ??= hospitals().then(() => hurt.run());

/** A role's events of one type, in order. */
async function eventsOf<T extends string>(role: string, type: T) {
  await results();
  const events = await readEvents(`${hurt.state(role)}/events.jsonl`);
  return events.filter((event): event is Extract<typeof event, { type: T }> => event.type === type);
}

/** How the first process of a silo ended. */
async function endOf(silo: string) {
  await results();
  const ends = hurt.fallen.filter(({ role }) => role === silo);
  assertEquals(ends.length, 1);
  return ends[0].finished;
}

async function retriesOf(silo: string): Promise<string> {
  return (await eventsOf(silo, "retry")).map(({ reason }) => reason).join("\n");
}

Deno.test("train: an update with NaN is refused by the aggregator, naming tensor and remedy; exit 1", async () => {
  assertRefused(
    await endOf("a"),
    /expected changes below 1024 in features\.0\.0\.weight, got NaN.*lower --lr/,
  );
  const refused = (await eventsOf("hub", "refused")).filter(({ peer }) => peer === "a");
  assertEquals(refused.map(({ code, got }) => [code, got]), [["out_of_range", "NaN"]]);
});

Deno.test("train: flipped and truncated bytes are named by the aggregator and sent again", async () => {
  assertMatch(
    await retriesOf("a"),
    /expected CRC-32 0x[0-9a-f]{8} at offset 0, got 0x.*sends the update again from the last offset/,
  );
  assertMatch(
    await retriesOf("b"),
    /expected whole frames, got 524288 of 1048576 payload bytes.*sends the update again from the last offset/,
  );
  assertMatch(
    await retriesOf("c"),
    /its digest differs from the one announced.*sends it again from the start/,
  );
});

Deno.test("train: bytes that arrive damaged every time end it with exit 1 and the remedy", async () => {
  assertRefused(await endOf("b"), /got bad_frame 5 times in a row.*start the same command again/);
});

Deno.test("train: an update of another base is refused with both values; the silo goes on", async () => {
  const base = ((await results()).hub.init as { sha256: string }).sha256;
  const refused = (await eventsOf("hub", "refused")).filter(({ peer }) => peer === "c");
  assertEquals(refused.map(({ code, expected, got }) => [code, expected, got]), [
    ["other_base", `base ${base}`, OTHER_BASE],
  ]);
  const [{ code, reason }] = await eventsOf("c", "update_dropped");
  assertEquals(code, "other_base");
  assertMatch(reason, /pulls the current model/);
});

Deno.test("train: after every refusal each silo's own update counts once, trained once, and the run ends", async () => {
  const counted = await eventsOf("hub", "update_counted");
  assertEquals(counted.map(({ silo }) => silo).sort(), [...SILOS]);
  for (const { silo, sha256 } of counted) {
    const written = await eventsOf(silo, "update_written");
    assertEquals(written.map((event) => event.sha256), [sha256], silo);
    assertEquals((await eventsOf(silo, "training")).length, 1, silo);
  }
  const { hub, ...silos } = await results();
  assertEquals([hub.rounds, hub.degraded], [1, false]);
  for (const { sha256 } of Object.values(silos)) assertEquals(sha256, hub.sha256);
  assert(hub.last_sha256 !== (hub.init as { sha256: string }).sha256);
});
