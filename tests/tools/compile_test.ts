import { assertEquals, assertThrows } from "@std/assert";
import type { Check } from "../../src/cli/commands/doctor/check.ts";
import { childFlags } from "../testing/child.ts";
import { inFolder } from "../testing/folder.ts";
import { reasonOf } from "../../tools/compile.ts";
import { PERMISSIONS } from "../../tools/permissions.ts";

Deno.test("reasonOf: only a denort out of reach leads to the other way; an error of ours stays one", () => {
  const unreachable =
    "error: Writing deno compile executable\n\nCaused by:\n    0: Setting up base binary.\n" +
    "    1: error sending request for url (https://dl.example/release/v2.9.3/denort-x86_64.zip): dns error";
  assertEquals(reasonOf(unreachable), "denort cannot be fetched");
  assertEquals(reasonOf(""), "deno compile did not end in time");
  assertThrows(() => reasonOf("error: Module not found src/x.ts"), Error, "Module not found src/x.ts");
});

Deno.test("PERMISSIONS: no network but for a run's two roles and the doctor, no native library for those that need none", () => {
  const having = (flag: string) =>
    Object.keys(PERMISSIONS).filter((word) => PERMISSIONS[word].some((one) => one.startsWith(flag))).sort();
  assertEquals(having("--allow-net").join(" "), "aggregate doctor train");
  assertEquals(
    having("--allow-ffi").join(" "),
    "compare demo doctor evaluate local networks predict prepare train",
  );
  assertEquals(having("--v8-flags").join(" "), "aggregate train");
  assertEquals(
    having("--allow-run").join(" "),
    "aggregate compare demo doctor evaluate local networks predict train",
  );
  const whole = /^(-A|--allow-(all|ffi|run|import))$/;
  assertEquals(Object.values(PERMISSIONS).flat().filter((flag) => whole.test(flag)), []);
});

Deno.test("PERMISSIONS: the doctor may look at all that it looks at", () =>
  inFolder(async (cwd) => {
    const flags = PERMISSIONS.doctor.filter((flag) => !flag.includes("{")); // no engine here
    const program = new URL("../../mod.ts", import.meta.url).href;
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--no-prompt",
        ...flags,
        ...await childFlags(),
        program,
        "doctor",
        "--aggregator",
        "--json",
      ],
      cwd,
      env: { DENO_NO_UPDATE_CHECK: "1" },
      stdin: "null",
    }).output();
    const { checks } = JSON.parse(new TextDecoder().decode(stdout)) as { checks: Check[] };
    assertEquals(checks.filter(({ detail }) => detail.includes("run again with")), []);
    assertEquals(checks.some(({ name, ok }) => name === "disk" && ok === true), true);
  }));
