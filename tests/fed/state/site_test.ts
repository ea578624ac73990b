import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { DatabaseSync } from "node:sqlite";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { Site } from "../../../src/fed/state/site.ts";
import { inFolder } from "../../testing/folder.ts";
import { linesOf } from "../../testing/child.ts";
import { startMasking } from "../../testing/masking_process.ts";

const CA = "ca".repeat(32), OTHER_CA = "cb".repeat(32);
const KEY = "1".repeat(64), OTHER = "2".repeat(64);
const UPDATE = { silo: "a", shard: "5".repeat(64), base: "b".repeat(64) };

/** Opens the memory of `dir` for one test. */
async function withSite(dir: string, work: (site: Site) => void | Promise<void>): Promise<void> {
  using site = await Site.open(dir);
  await work(site);
}

Deno.test("Site: keys are pinned and seen by authority and silo, and are there when it is opened again", () =>
  inFolder(async (dir) => {
    await withSite(dir, (site) => {
      assertEquals(site.pinned(CA).size, 0);
      site.pin(CA, { silo: "b", key: OTHER });
      site.pin(CA, { silo: "a", key: OTHER });
      site.pin(CA, { silo: "a", key: KEY });
      site.noteSeen(CA, { silo: "a", key: OTHER, at: "2026-11-01T10:00:00Z" });
      site.noteSeen(CA, { silo: "a", key: KEY, at: "2026-11-02T10:00:00Z" });
    });
    await withSite(dir, (site) => {
      assertEquals([...site.pinned(CA)], [["a", KEY], ["b", OTHER]]);
      assertEquals([...site.seen(CA)], [["a", { key: KEY, at: "2026-11-02T10:00:00Z" }]]);
      assertEquals([site.pinned(OTHER_CA).size, site.seen(OTHER_CA).size], [0, 0]);
      assertEquals([site.unpin(OTHER_CA, "a"), site.unpin(CA, "a"), site.unpin(CA, "a")], [
        false,
        true,
        false,
      ]);
      assertEquals([...site.pinned(CA)], [["b", OTHER]]);
    });
  }));

Deno.test("Site.noteMasked: the same names pass in any order, others are refused with those of then and of now, also later", () =>
  inFolder(async (dir) => {
    await withSite(dir, (site) => {
      site.noteMasked({ ...UPDATE, names: ["c", "a", "b"] });
      site.noteMasked({ ...UPDATE, names: ["b", "c", "a"] });
    });
    await withSite(dir, (site) => {
      for (const names of [["a", "b", "d"], ["a", "b"], ["a", "b", "c", "d"]]) {
        const error = assertThrows(() => site.noteMasked({ ...UPDATE, names }), ProtocolError);
        assertEquals(error.code, "masked_before");
        assertMatch(
          error.message,
          new RegExp(`expected a, b, c, for whom .*, got ${names.join(", ")} \\(remedy: .*--seed`),
        );
      }
      site.noteMasked({ ...UPDATE, names: ["a", "b", "c"] });
    });
  }));

Deno.test("Site.noteMasked: another silo of the machine, shard or base conflicts with nothing", () =>
  inFolder((dir) =>
    withSite(dir, (site) => {
      site.noteMasked({ ...UPDATE, names: ["a", "b", "c"] });
      for (const [at, changed] of [["silo", "b"], ["shard", "6".repeat(64)], ["base", "c".repeat(64)]]) {
        site.noteMasked({ ...UPDATE, [at]: changed, names: ["a", "b", "d"] });
        assertThrows(
          () => site.noteMasked({ ...UPDATE, [at]: changed, names: ["a", "b", "c"] }),
          ProtocolError,
          "expected a, b, d,",
        );
      }
    })
  ));

Deno.test("Site.noteMasked: of any notes of a few bases the first names of each hold, whatever order they are told in", () =>
  inFolder(async (dir) => {
    const names = fc.uniqueArray(fc.constantFrom("a", "b", "c", "d", "e"), { minLength: 3, maxLength: 5 });
    const notes = fc.array(fc.record({ base: fc.nat(2), names }), { maxLength: 8 });
    let tries = 0;
    using site = await Site.open(dir);
    fc.assert(
      fc.property(notes, (all) => {
        const shard = String(tries++), first = new Map<number, string>();
        for (const { base, names } of all) {
          const update = { silo: "a", shard, base: String(base) };
          const sorted = names.toSorted().join();
          const passes = (first.get(base) ?? sorted) === sorted;
          if (passes) site.noteMasked({ ...update, names });
          else assertThrows(() => site.noteMasked({ ...update, names }), ProtocolError);
          if (passes) first.set(base, sorted);
          site.noteMasked({ ...update, names: first.get(base)!.split(",") });
        }
      }),
      { numRuns: 40 },
    );
  }));

Deno.test("Site.noteMasked: of two processes with other names for one base exactly one passes, for each of 40 bases", () =>
  inFolder(async (dir) => {
    const site = `${dir}/new`; // each would make it
    const both = await Promise.all(
      [["a", "b", "c"], ["a", "b", "d"]].map((names) => startMasking(site, names)),
    );
    for (const { begin } of both) await begin();
    const passed = await Promise.all(both.map(async ({ child, errors }) => {
      const lines = await Array.fromAsync(linesOf(child.stdout));
      assertEquals((await child.status).code, 0, await errors);
      return lines.filter((line) => line !== "ready");
    }));
    assertEquals(passed.map((lines) => lines.length), [40, 40]);
    const outcomes = passed[0].map((line, at) => [line, passed[1][at]].toSorted().join());
    assertEquals(new Set(outcomes), new Set(["masked_before,passed"]));
    await withSite(site, (opened) => {
      for (const [base, line] of passed[0].entries()) {
        const update = { silo: "a", shard: "s", base: String(base) };
        const [held, other] = line === "passed" ? ["c", "d"] : ["d", "c"];
        opened.noteMasked({ ...update, names: ["a", "b", held] });
        assertThrows(() => opened.noteMasked({ ...update, names: ["a", "b", other] }), ProtocolError);
      }
    });
  }));

Deno.test("Site.open: the folder has mode 0700 and every file in it 0600, whatever the umask", () =>
  inFolder(async (dir) => {
    const before = Deno.umask(0);
    try {
      await withSite(`${dir}/site`, async (site) => {
        site.pin(CA, { silo: "a", key: KEY });
        const names = (await Array.fromAsync(Deno.readDir(`${dir}/site`))).map(({ name }) => name);
        assert(names.includes("site.sqlite-wal"), names.join());
        const modes = names.map((name) => [name, Deno.statSync(`${dir}/site/${name}`).mode! & 0o777]);
        assertEquals(modes.filter(([, mode]) => mode !== 0o600), []);
        assertEquals(Deno.statSync(`${dir}/site`).mode! & 0o777, 0o700);
      });
    } finally {
      Deno.umask(before);
    }
  }));

Deno.test("Site.open: a damaged memory, one of a later fedx, and a folder in its place are refused, each with a remedy", () =>
  inFolder(async (dir) => {
    const refused = async (text: RegExp) => {
      assertMatch((await assertRejects(() => Site.open(dir), Error)).message, text);
    };
    await Deno.chmod(dir, 0o700);
    await Deno.writeTextFile(`${dir}/site.sqlite`, "not a database".repeat(100), { mode: 0o600 });
    await refused(
      /^Cannot use the site's memory .*site\.sqlite: expected a fedx database, got .*put a copy of it back/,
    );
    assertMatch(await Deno.readTextFile(`${dir}/site.sqlite`), /^not a database/);
    await Deno.remove(`${dir}/site.sqlite`);
    await withSite(dir, () => {});
    const later = new DatabaseSync(`${dir}/site.sqlite`);
    later.exec("PRAGMA user_version = 2");
    later.close();
    await refused(/expected version 1, got 2 \(remedy: use the fedx that wrote it/);
    await Deno.remove(`${dir}/site.sqlite`);
    await Deno.mkdir(`${dir}/site.sqlite`);
    await refused(
      /a file that fedx may read and write, got a folder where a file should be \(remedy: name another/,
    );
  }));

Deno.test("Site: a memory that loses a table while it is open says so", () =>
  inFolder((dir) =>
    withSite(dir, (site) => {
      using other = new DatabaseSync(`${dir}/site.sqlite`);
      other.exec("DROP TABLE masked");
      assertThrows(
        () => site.noteMasked({ ...UPDATE, names: ["a", "b", "c"] }),
        Error,
        "expected a fedx database",
      );
    })
  ));
