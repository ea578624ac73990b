/** `prepare` over a large archive of DICOM: what is no film is named, a killed run goes on, memory stays flat. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { parse } from "csv-parse/sync";
import { Shard } from "../../src/data/shard.ts";
import { writeArchive } from "../testing/dicom_archive.ts";
import { inFolder } from "../testing/folder.ts";
import { objectOf, type Running, start } from "../testing/program.ts";

const COUNT = 2000, BAD = 100;

const begin = (cwd: string, ...more: string[]): Promise<Running> =>
  start(
    ["prepare", "--images", "films", "--labels", "labels.csv", "--size", "64", "--out", "shard", ...more],
    { cwd },
  );

/** The largest memory of a process so far, bytes; 0 once it has ended. */
async function peakOf(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
  return 1024 * Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1] ?? 0);
}

/** Lets a process go on until `done`, or to its end; returns its peak. */
async function watch(
  { child, finished }: Running,
  done: () => Promise<boolean> = () => Promise.resolve(false),
) {
  let peak = 0, ended = false;
  finished.then(() => ended = true);
  while (!ended && !await done()) {
    peak = Math.max(peak, await peakOf(child.pid));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return peak;
}

Deno.test(`prepare: ${COUNT} mixed DICOM files, ${BAD} of them no films: each is named, and a killed run goes on`, () =>
  inFolder(async (cwd) => {
    const { spoiled, films } = await writeArchive(cwd, { count: COUNT, bad: BAD, side: 128 });
    assertEquals(spoiled.size, BAD);
    const first = await begin(cwd, "--max-quarantine", "0.1");
    const journal = `${cwd}/shard.partial/journal`;
    await watch(
      first,
      async () => (await Deno.readTextFile(journal).catch(() => "")).split("\n").length > COUNT / 3,
    );
    first.child.kill("SIGKILL");
    assertEquals((await first.finished).signal, "SIGKILL");
    const second = await (await begin(cwd, "--max-quarantine", "0.1")).finished;
    assertEquals(second.code, 0, second.stderr);
    assert(/goes on from a run that was stopped, with its (\d+) films/.test(second.stderr), second.stderr);
    const listed = parse(await Deno.readTextFile(`${cwd}/shard.quarantine.csv`), { columns: true }) as Record<
      string,
      string
    >[];
    assertEquals(new Map(listed.map((row) => [row["Image Index"], row.reason])), spoiled);
    assertEquals((await Shard.open(`${cwd}/shard`, { verify: true })).count, films);
  }));

Deno.test("prepare: memory at 2,000 JPEG-LS films of 1,024 pixels is at most 1.2 times that at 200", async () => {
  const peaks: number[] = [];
  for (const count of [200, 2000]) {
    await inFolder(async (cwd) => {
      await writeArchive(cwd, { count, side: 1024, jpegLs: true });
      const process = await begin(cwd, "--json");
      peaks.push(await watch(process));
      assertEquals(objectOf(await process.finished, "prepare").images, count);
    });
  }
  console.log(`peaks: ${peaks.map((peak) => `${(peak / 2 ** 20).toFixed(0)} MB`).join(" and ")}`);
  assertLess(peaks[1], 1.2 * peaks[0]);
});
