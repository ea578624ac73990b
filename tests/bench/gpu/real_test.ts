/** The pure parts of the stage `real`; the whole stage runs in the rehearsal. */
import { assertEquals } from "@std/assert";
import { memoryByProcess, peakOf } from "../../../bench/gpu/process_memory.ts";
import { RunFigures } from "../../../bench/gpu/run_figures.ts";
import { decodeImage } from "../../../src/data/decode.ts";
import type { FedEvent } from "../../../src/fed/protocol/event.ts";
import { inFolder } from "../../testing/folder.ts";
import { greyPng } from "../../testing/png.ts";

const SILOS = ["a", "b"];
const joined = (silo: string, device: string) => ({
  ...{ type: "joined", silo },
  registration: { device, splits: { train: { images: 96 } } },
});
const row = (round: number) => ({
  type: "row",
  row: { round, silos: { a: { from: round - 1, to: round }, b: { from: round - 1, to: round } } },
});
const scored = (silo: string, round: number, train: number) => ({
  ...{ type: "scored", silo, round },
  scores: { seconds: { train }, skipped: round },
});
const moved = (type: "pulled" | "uploaded") => ({ type, bytes: 2 ** 20 });
const counted = (silo: string, round: number) => ({ type: "update_counted", silo, round });

/** The figures of a run on "cuda", by name. */
function figuresOf(events: unknown[], rounds: number) {
  let now = 0; // a second passes at each look
  const run = new RunFigures({ silos: SILOS, device: "cuda", batch: 32, clock: () => now += 1000 });
  const figures = [...(events as FedEvent[]).flatMap((event) => run.take(event)), ...run.end(rounds)];
  return Object.fromEntries(figures.map(({ name, ...rest }) => [name, rest]));
}

const WHOLE = [
  { type: "listening" },
  ...[joined("a", "cuda NVIDIA H100"), joined("b", "cuda NVIDIA H100")],
  ...[row(1), moved("pulled"), moved("pulled"), scored("a", 1, 2), scored("b", 1, 0.5), moved("uploaded")],
  ...[counted("a", 1), counted("b", 1), { type: "committed", round: 1, seconds: 3 }],
  ...[
    row(2),
    moved("pulled"),
    joined("b", "cuda NVIDIA H100"),
    scored("a", 2, 1),
    scored("b", 2, 1),
  ],
  ...[counted("a", 2), counted("b", 2), { type: "committed", round: 2, seconds: 9 }],
  ...[moved("pulled"), { type: "scored", silo: "a", round: 3, scores: {} }],
];

Deno.test("RunFigures tells of a whole run where it was computed, how fast, and what it moved", () => {
  const figures = figuresOf(WHOLE, 2);
  assertEquals(Object.values(figures).filter(({ ok }) => ok === false), []);
  assertEquals(figures["device that silo a says"].value, "cuda NVIDIA H100");
  assertEquals(figures["silo a had joined after"], { value: 1, unit: "s" });
  assertEquals(figures["silo b came back in round"].value, 2);
  assertEquals([figures["round 1"].value, figures["round 2"].value], [3, 9]);
  assertEquals(figures["a round, median"].value, 3);
  assertEquals(figures["moved in a round, median"], { value: 1, unit: "MiB" });
  assertEquals(figures["training, silo a, median"], { value: 48, unit: "images/s" });
  assertEquals(figures["training, silo b, median"].value, 96);
  assertEquals(figures["steps skipped, silo a"].value, 3);
});

Deno.test("RunFigures does not pass a run that ended early, a round without a silo, and a silo on the CPU", () => {
  const without = WHOLE.filter((event) => JSON.stringify(event) !== JSON.stringify(counted("b", 2)));
  const figures = figuresOf([...without, joined("b", "cpu")], 3);
  const wrong = Object.entries(figures).filter(([, { ok }]) => ok === false).map(([name]) => name);
  assertEquals(wrong, [
    "device that silo b says, back again",
    "rounds done",
    "rounds with every silo's update",
  ]);
  assertEquals(figuresOf([], 1)["a round, median"].value, null);
});

Deno.test("memory is read of the driver's list and of the kernel's status, and what they do not say is none", () => {
  assertEquals([...memoryByProcess("1234, 512\n77, [N/A]\n[N/A], 9\n")], [[1234, 512]]);
  assertEquals([...memoryByProcess("")], []);
  assertEquals([peakOf("Name:\tx\nVmHWM:\t  2048 kB\n"), peakOf("Name:\tx\n")], [2, null]);
});

Deno.test("a film that is written by hand is read with the same pixels", () =>
  inFolder(async (folder) => {
    const pixels = Uint8Array.from({ length: 32 * 32 }, (_, i) => (7 * i) % 256);
    await Deno.writeFile(`${folder}/film.png`, greyPng(pixels, 32));
    assertEquals(await decodeImage(`${folder}/film.png`, { size: 32 }), pixels);
  }));
