import { assertEquals } from "@std/assert";
import { MUTANTS } from "./list.ts";
import { fileOf, files, ROOT, testsOf } from "./run.ts";

Deno.test({
  name: "every fault of the list has one place in the source, and its tests are there",
  ignore: await Deno.stat(`${ROOT}.git`).then(() => false, () => true),
  async fn() {
    const sources = [...await files(ROOT, "src"), ...await files(ROOT, "native")];
    const tests = await files(ROOT, "tests");
    for (const one of MUTANTS) await Promise.all([fileOf(ROOT, one, sources), testsOf(one, tests)]);
    assertEquals(new Set(MUTANTS.map(({ text }) => text)).size, MUTANTS.length);
  },
});
