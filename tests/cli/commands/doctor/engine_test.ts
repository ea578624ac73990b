import { assertEquals, assertStringIncludes } from "@std/assert";
import { checkEngine, type EngineParts } from "../../../../src/cli/commands/doctor/engine.ts";
import { refusal } from "../../../../src/refusal.ts";

const FOUND = { dir: "/torch", version: "2.13.0", source: "cache", headers: true } as const;
const PARTS: EngineParts = {
  find: () => Promise.resolve(FOUND),
  libraries: () => Promise.resolve({ libtorch: "/torch", shim: "/shim.so" }),
  open: () => ({ build: "abc", torch: "2.13.0" }),
};
const marks = async (parts: Partial<EngineParts>) => {
  const { checks, libraries } = await checkEngine({ ...PARTS, ...parts });
  return {
    ok: checks.map((check) => check.ok),
    last: checks.findLast((check) => check.ok === false),
    libraries,
  };
};

Deno.test("checkEngine passes a libtorch that the shim opens", async () => {
  const { ok, libraries } = await marks({});
  assertEquals([ok, libraries?.shim], [[true, true], "/shim.so"]);
});

Deno.test("checkEngine tells no libtorch, an unfit one, a missing shim and another libtorch than the shim's", async () => {
  const none = await marks({ find: () => Promise.resolve(null) });
  assertEquals([none.ok, none.libraries], [[false, null], null]);
  assertStringIncludes(none.last!.remedy!, "FEDX_LIBTORCH");
  const unfit = await marks({
    find: () => Promise.reject(new Error("Cannot use FEDX_LIBTORCH=/x: got 1.13")),
  });
  assertEquals(unfit.ok, [false, null]);
  assertStringIncludes(unfit.last!.detail, "got 1.13");
  const missing = await marks({
    libraries: () =>
      Promise.reject(refusal(Error, {
        what: "Cannot find the engine",
        expected: "/shim.so",
        got: "none",
        remedy: "run `b` once",
      })),
  });
  assertEquals([missing.ok, missing.last?.remedy], [[true, false], "run `b` once"]);
  const open = () => {
    throw refusal(Error, {
      what: "Cannot use /shim.so",
      expected: "libtorch 2.11.0",
      got: "2.13.0",
      remedy: "build it again",
    });
  };
  const other = await marks({ open });
  assertEquals([other.ok, other.libraries], [[true, false], null]);
  assertStringIncludes(other.last!.detail, "expected libtorch 2.11.0, got 2.13.0");
  assertStringIncludes(other.last!.remedy!, "build it again");
});
