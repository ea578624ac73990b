import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import type { PrepareEvent, PrepareOptions } from "../../src/data/prepare.ts";
import { encodePng } from "../../src/data/sharp.ts";
import { type Hospital, list, withHospital } from "../testing/small_hospital.ts";

/** What a run tells of the films of a run before it, and of those that it leaves. */
async function events(
  run: (onEvent: (event: PrepareEvent) => void) => Promise<unknown>,
): Promise<PrepareEvent[]> {
  const found: PrepareEvent[] = [];
  await run((event) => void (["resumed", "restarted", "kept"].includes(event.type) && found.push(event)));
  return found;
}

/** Stops a run after `films` rows; `shard.partial` is as a SIGKILL there leaves it, but for the lock. */
async function stopAfter(
  films: number,
  { prepare }: Hospital,
  options: Pick<Partial<PrepareOptions>, "size" | "jpeg2000"> = {},
): Promise<void> {
  const abort = new AbortController();
  const onProgress = (done: number) => void (done === films && abort.abort());
  await assertRejects(() => prepare({ ...options, signal: abort.signal, onProgress }), DOMException);
}

/** Every file of a folder as text of bytes. */
async function contents(dir: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of await list(dir)) found[name] = (await Deno.readFile(`${dir}/${name}`)).toHex();
  return found;
}

/** The shard of an undisturbed run. */
async function undisturbed({ dir, prepare }: Hospital): Promise<Record<string, string>> {
  await prepare({ out: `${dir}/whole` });
  return await contents(`${dir}/whole`);
}

Deno.test("prepareShard: a stopped run goes on, decodes only what is missing, and ends with the same bytes", () =>
  withHospital(60, async (hospital) => {
    const { dir, prepare } = hospital;
    await Deno.remove(`${dir}/images/f2.png`);
    const whole = await undisturbed(hospital);
    await stopAfter(40, hospital);
    assertEquals(await list(`${dir}/out`), ["shard.partial", "shard.quarantine.csv"]);
    // What is staged is not read again: the same size and time, other content.
    const { atime, mtime, size } = await Deno.stat(`${dir}/images/f7.png`);
    await Deno.writeFile(`${dir}/images/f7.png`, new Uint8Array(size));
    await Deno.utime(`${dir}/images/f7.png`, atime!, mtime!);
    const seen = await events((onEvent) => prepare({ onEvent }));
    assertEquals(seen, [{ type: "resumed", films: 40 }]);
    assertEquals(await contents(`${dir}/out/shard`), whole);
    assertEquals(await list(`${dir}/out`), ["shard", "shard.quarantine.csv"]);
  }));

Deno.test("prepareShard: a film whose file has changed since, or that failed, is decoded again", () =>
  withHospital(60, async (hospital) => {
    const { dir, prepare } = hospital;
    const good = await Deno.readFile(`${dir}/images/f3.png`);
    await Deno.writeTextFile(`${dir}/images/f3.png`, "no film");
    await stopAfter(20, hospital);
    await Deno.writeFile(`${dir}/images/f3.png`, good);
    await Deno.writeFile(`${dir}/images/f5.png`, await encodePng(new Uint8Array(256).fill(222), 16));
    await Deno.utime(`${dir}/images/f5.png`, 1, 1);
    const { quarantined } = await prepare();
    assertEquals(quarantined.not_an_image, 0);
    assertEquals(await contents(`${dir}/out/shard`), await undisturbed(hospital));
  }));

Deno.test("prepareShard: damaged, lost or moved pixels and a torn journal are decoded again", () =>
  withHospital(60, async (hospital) => {
    const { dir, prepare } = hospital;
    await Deno.remove(`${dir}/images/f2.png`);
    const whole = await undisturbed(hospital);
    const [pixels, journal] = [`${dir}/out/shard.partial/new/images.u8`, `${dir}/out/shard.partial/journal`];
    const damages: (() => Promise<void>)[] = [
      // A bit flipped; a lost write at the end; a shard half moved together; a journal cut in a line.
      async () => {
        const bytes = await Deno.readFile(pixels);
        await Deno.writeFile(pixels, bytes.with(700, bytes[700] ^ 1));
      },
      () => Deno.truncate(pixels, 30 * 64 + 5),
      async () => {
        const bytes = await Deno.readFile(pixels);
        bytes.copyWithin(2 * 64, 3 * 64, 25 * 64);
        await Deno.writeFile(pixels, bytes);
        await Deno.writeTextFile(`${dir}/out/shard.partial/new/manifest.json`, "{half");
      },
      async () => await Deno.truncate(journal, (await Deno.stat(journal)).size - 30),
      () => Deno.remove(pixels),
    ];
    for (const damage of damages) {
      await stopAfter(45, hospital);
      await damage();
      assertEquals((await events((onEvent) => prepare({ onEvent })))[0].type, "resumed");
      assertEquals(await contents(`${dir}/out/shard`), whole);
      await Deno.remove(`${dir}/out/shard`, { recursive: true });
    }
  }));

Deno.test("prepareShard: with another size, decoding or other rows, it starts anew, and says what is another", () =>
  withHospital(60, async (hospital) => {
    const { dir, lines, prepare } = hospital;
    await stopAfter(20, hospital, { size: 16 });
    assertEquals(await events((onEvent) => prepare({ onEvent })), [{ type: "restarted", because: "size" }]);
    const first = await contents(`${dir}/out/shard`);
    await Deno.remove(`${dir}/out/shard`, { recursive: true });
    await stopAfter(20, hospital, { jpeg2000: "reduced" });
    assertEquals(await events((onEvent) => prepare({ onEvent })), [{
      type: "restarted",
      because: "kernel",
    }]);
    assertEquals(await contents(`${dir}/out/shard`), first);
    await Deno.remove(`${dir}/out/shard`, { recursive: true });
    await stopAfter(20, hospital);
    lines.splice(1, 2);
    assertEquals(await events((onEvent) => prepare({ onEvent })), [{ type: "restarted", because: "order" }]);
    const second = await contents(`${dir}/out/shard`);
    assertNotEquals(second, first);
    assertEquals(second, await undisturbed(hospital));
  }));

Deno.test("prepareShard: salt, share that may be left out, labels and their reading are no reason to start anew", () =>
  withHospital(60, async ({ dir, lines, prepare }) => {
    lines.forEach((line, i) => lines[i] = line.split(",").slice(0, 3).join(","));
    for (const i of [20, 21, 22, 23]) await Deno.remove(`${dir}/images/f${i}.png`);
    const kept = await events((onEvent) =>
      assertRejects(() => prepare({ onEvent }), Error, "missing_file 4")
    );
    assertEquals(kept, [{ type: "kept", films: 56, dir: await Deno.realPath(`${dir}/out/shard.partial`) }]);
    lines.forEach((line, i) => lines[i] = i % 2 ? line.replace("No Finding", "Normal") : line);
    const options = { maxQuarantine: 0.1, salt: "other", negative: ["Normal"] };
    const seen = await events((onEvent) => prepare({ ...options, onEvent }));
    assertEquals(seen, [{ type: "resumed", films: 56 }]);
    await prepare({ ...options, out: `${dir}/whole` });
    assertEquals(await contents(`${dir}/out/shard`), await contents(`${dir}/whole`));
  }));

Deno.test("prepareShard: a run that staged nothing leaves nothing", () =>
  withHospital(60, async ({ dir, prepare }) => {
    for (let i = 0; i < 60; i++) await Deno.writeTextFile(`${dir}/images/f${i}.png`, "");
    assert((await events((onEvent) => assertRejects(() => prepare({ onEvent })))).length === 0);
    assertEquals(await list(`${dir}/out`), ["shard.quarantine.csv"]);
  }));
