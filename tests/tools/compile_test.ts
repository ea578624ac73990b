import { assertEquals, assertThrows } from "@std/assert";
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
  assertEquals(having("--allow-ffi").join(" "), "demo doctor evaluate local predict prepare train");
  assertEquals(having("--allow-run").join(" "), "aggregate demo doctor evaluate local predict train");
  const whole = /^(-A|--allow-(all|ffi|run|import))$/;
  assertEquals(Object.values(PERMISSIONS).flat().filter((flag) => whole.test(flag)), []);
});
