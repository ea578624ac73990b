import { assertEquals, assertStringIncludes } from "@std/assert";
import { bad, failed, good, open } from "../../../../src/cli/commands/doctor/check.ts";
import { describe } from "../../../../src/cli/commands/doctor.ts";
import { refusal } from "../../../../src/refusal.ts";
import { ProtocolError } from "../../../../src/fed/protocol/errors.ts";

Deno.test("failed shows a refusal's own remedy, and the given one where an error has none", () => {
  const coded = new ProtocolError("port_in_use", { expected: "a free port", got: "a process" });
  assertEquals(failed("x", coded, "other"), {
    name: "x",
    ok: false,
    detail: "Cannot listen: expected a free port, got a process",
    remedy: coded.remedy,
  });
  const parts = { what: "Cannot read a", expected: "; b", got: "c (remedy: d)" };
  const detail = "Cannot read a: expected ; b, got c (remedy: d)";
  assertEquals(failed("x", refusal(TypeError, { ...parts, remedy: "e" }), "other"), bad("x", detail, "e"));
  assertEquals(failed("x", refusal(TypeError, parts), "other"), bad("x", detail, "other"));
  assertEquals(
    failed("x", new Error("Cannot read; twice."), "other"),
    bad("x", "Cannot read; twice", "other"),
  );
});

Deno.test("describe shows each fault and each warning with its remedy below it, and counts", () => {
  const checks = [good("disk", "fine"), bad("clock", "late", "set it"), open("shard", "none")];
  const lines = describe(checks, "silo").split("\n");
  assertEquals(lines[0], "ok    disk   fine");
  assertEquals(lines.slice(1, 3), ["FAIL  clock  late", "             → set it"]);
  assertStringIncludes(lines.at(-1)!, "1 of 3 checks failed, 1 not made");
  const warned = describe([...checks, good("split", "few", "add")], "silo").split("\n");
  assertEquals(warned.slice(4, 6), ["warn  split  few", "             → add"]);
  assertStringIncludes(warned.at(-1)!, "1 of 4 checks failed, 1 warning, 1 not made");
  assertStringIncludes(describe([good("disk", "fine")], null), "nothing wrong; only the machine");
});
