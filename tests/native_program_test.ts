/** A shell script stands in for fedx-test: what it says, and how it ends, decide which steps fail. */
import { assertEquals, assertRejects } from "@std/assert";
import { inFolder } from "./testing/folder.ts";
import { runNativeTests } from "./testing/native_program.ts";

/** Runs a program that lists `a`, `b` and `c` and then does `run`; gives each step's failure, or "ok". */
async function outcomes(run: string, steps: Record<string, string> = {}): Promise<Record<string, string>> {
  await inFolder(async (folder) => {
    const path = `${folder}/program`;
    const script = `#!/bin/sh\nif [ "$1" = --list ]; then printf 'a\\nb\\nc\\n'; exit; fi\n${run}\n`;
    await Deno.writeTextFile(path, script, { mode: 0o755 });
    await runNativeTests({ path }, folder, async (name, body) => {
      steps[name] = await body().then(() => "ok", (error) => error.message);
    });
  });
  return steps;
}

Deno.test("runNativeTests: each listed test is a step that the program's own line passes", async () => {
  assertEquals(await outcomes("echo ok a; echo ok b; echo ok c"), { a: "ok", b: "ok", c: "ok" });
});

Deno.test("runNativeTests: a failed test fails its step alone, and the run", async () => {
  const steps = {};
  await assertRejects(
    () => outcomes("echo ok a; echo failed b: why; echo ok c; exit 1", steps),
    Error,
    "status 0",
  );
  assertEquals(steps, { a: "ok", b: "expected ok b, got failed b: why", c: "ok" });
});

Deno.test("runNativeTests: a crash fails the test that was running, and those that were not run", async () => {
  const steps = {};
  await assertRejects(() => outcomes("echo ok a; kill -SEGV $$", steps), Error, "status 0");
  assertEquals(steps, {
    a: "ok",
    b: "expected ok b, got the end of the program with SIGSEGV while it ran",
    c: "expected ok c, got none: the program ended with SIGSEGV before",
  });
});

Deno.test("runNativeTests: a listed test that is skipped fails, and so does one that is not listed", async () => {
  assertEquals(await outcomes("echo ok a; echo ok c"), {
    a: "ok",
    b: "expected ok b, got ok c",
    c: "expected ok c, got the end of the program with status 0 while it ran",
  });
  await assertRejects(() => outcomes("echo ok a; echo ok b; echo ok c; echo ok d"), Error, "got ok d");
});

Deno.test("runNativeTests: a program that lists nothing is refused", async () => {
  await assertRejects(
    () => runNativeTests({ path: "/bin/true" }, "", () => Promise.resolve()),
    Error,
    "got none",
  );
});
