import { assert, assertEquals } from "@std/assert";
import { batchesOf, failuresOf, lineOf, sideBySide, summaryOf, testFiles } from "../../tools/side_by_side.ts";
import { inFolder } from "../testing/folder.ts";

Deno.test("testFiles finds every test file once, in folders and by name, and leaves out what is ignored", () =>
  inFolder(async (dir) => {
    await Deno.mkdir(`${dir}/long`);
    for (const name of ["b_test.ts", "a_test.ts", "child.ts", "long/c_test.ts"]) {
      await Deno.writeTextFile(`${dir}/${name}`, "");
    }
    const names = async (paths: string[], ignore: string | null) =>
      (await testFiles(paths, ignore)).map((path) => path.slice(dir.length + 1));
    assertEquals(await names([dir], `${dir}/long`), ["a_test.ts", "b_test.ts"]);
    assertEquals(await names([`${dir}/`, `${dir}/b_test.ts`], null), [
      "a_test.ts",
      "b_test.ts",
      "long/c_test.ts",
    ]);
  }));

Deno.test("batchesOf: each file once, the long ones alone and first, the others in batches of even size, the quick ones last", () => {
  const fed = Array.from({ length: 30 }, (_, k) => `tests/fed/maths/${k}_test.ts`);
  const files = [
    "tests/cli/a_test.ts",
    "tests/e2e/a_test.ts",
    "tests/e2e/egress_test.ts",
    ...fed,
    "tests/native_test.ts",
  ];
  const batches = batchesOf(files);
  assertEquals(batches.flat().toSorted(), files.toSorted());
  assertEquals(batches.slice(0, 3), [["tests/native_test.ts"], ["tests/e2e/egress_test.ts"], [
    "tests/e2e/a_test.ts",
  ]]);
  assertEquals(batches.at(-1)!.at(-1), "tests/cli/a_test.ts");
  assertEquals(batches.slice(3).map((batch) => batch.length), [4, 4, 4, 4, 4, 4, 4, 3]);
  assert(
    batchesOf(Array.from({ length: 170 }, (_, k) => `tests/${k}_test.ts`)).every((batch) =>
      batch.length <= 8
    ),
  );
});

Deno.test("summaryOf reads what deno test says, and lineOf says the sum of it", () => {
  const first = summaryOf(
    "x\n\x1b[32mok\x1b[0m | 5 passed (3 steps) | 0 failed | 1 ignored \x1b[90m(2s)\x1b[0m\n",
  )!;
  assertEquals(first, { passed: 5, steps: 3, failed: 0, ignored: 1, filtered: 0 });
  const second = summaryOf("FAILED | 2 passed (1 step) | 1 failed (2 steps) | 4 filtered out (1s)")!;
  assertEquals([second.passed, second.steps, second.failed, second.filtered], [2, 1, 1, 4]);
  assertEquals(summaryOf("error: no test modules found"), null);
  assertEquals(lineOf([first], 119.7), "ok | 5 passed (3 steps) | 0 failed | 1 ignored (2m0s)");
  assertEquals(
    lineOf([first, second], 125),
    "FAILED | 7 passed (4 steps) | 1 failed | 1 ignored | 4 filtered out (2m5s)",
  );
});

Deno.test("failuresOf: each failed test's name, place and error, and sideBySide says them at the end again", async () => {
  const output = [
    ...[
      "x ... \x1b[31mFAILED\x1b[0m (1ms)",
      "",
      "\x1b[1m\x1b[37m\x1b[41m ERRORS \x1b[0m",
      "",
      "x => ./x_test.ts:1:6",
    ],
    ...[
      "\x1b[31merror\x1b[0m: Error: bad",
      "    at file:///x_test.ts:1:30",
      "    at f (ext:cli/40_test.js:300:11)",
    ],
    ...["", "\x1b[41m FAILURES \x1b[0m", "", "x => ./x_test.ts:1:6", "", "FAILED | 1 passed | 1 failed (1s)"],
  ].join("\n");
  const said = "x => ./x_test.ts:1:6\nerror: Error: bad\n    at file:///x_test.ts:1:30";
  assertEquals(failuresOf(output), said);
  assertEquals(failuresOf("ok | 1 passed | 0 failed (1s)"), "");
  const printed: string[] = [];
  await sideBySide(["x_test.ts"], () => Promise.resolve({ code: 1, output }), {
    print: (text) => printed.push(text),
  });
  assertEquals(printed.at(-2), `tests: failed:\n${said}\n`);
});

Deno.test("sideBySide: a batch that fails, or ends without a word, fails the whole", async () => {
  const ok = "ok | 1 passed | 0 failed (1s)", printed: string[] = [];
  const outcome = (answers: Record<string, { code: number; output: string }>) =>
    sideBySide(
      Object.keys(answers),
      ([file]) => Promise.resolve(answers[file]),
      { print: (text) => printed.push(text) },
    );
  assertEquals(
    await outcome({ "a/a_test.ts": { code: 0, output: ok }, "b/b_test.ts": { code: 0, output: ok } }),
    0,
  );
  assert(printed.at(-1)!.startsWith("\nok | 2 passed | 0 failed ("));
  const failed = { code: 1, output: "FAILED | 0 passed | 1 failed (1s)" };
  assertEquals(await outcome({ "a/a_test.ts": { code: 0, output: ok }, "b/b_test.ts": failed }), 1);
  assertEquals(await outcome({ "a/a_test.ts": { code: 134, output: "panicked" } }), 1);
});

Deno.test("sideBySide begins no batch after a signal, and the whole fails", async () => {
  const files = Array.from({ length: 40 }, (_, k) => `tests/${k}_test.ts`), ran: string[] = [];
  const run = (batch: string[]) => {
    ran.push(...batch);
    return Promise.resolve({ code: 0, output: `ok | ${batch.length} passed | 0 failed (1s)` });
  };
  const stopped = () => ran.length > 0;
  assertEquals(await sideBySide(files, run, { print: () => {}, stopped }), 1);
  assert(ran.length < files.length, `${ran.length} files ran`);
});
