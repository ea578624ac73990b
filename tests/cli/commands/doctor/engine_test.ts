import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  checkEngine,
  checkGpu,
  type EngineParts,
  type GpuFacts,
  readGpu,
} from "../../../../src/cli/commands/doctor/engine.ts";
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

Deno.test("checkGpu fails only where a GPU is asked for and something of it is missing", () => {
  const all: GpuFacts = { libcuda: "/usr/lib64/libcuda.so.1", driver: "580.65", device: true, cuda: true };
  assertStringIncludes(checkGpu(all, "cuda").detail, "driver 580.65");
  const lacking: [Partial<GpuFacts>, string][] = [
    [{ libcuda: null, driver: null }, "NVIDIA driver"],
    [{ device: false }, "/dev/nvidia"],
    [{ cuda: false }, "libtorch with CUDA"],
  ];
  for (const [facts, remedy] of lacking) {
    const check = checkGpu({ ...all, ...facts }, "cuda");
    assertEquals(check.ok, false);
    assertStringIncludes(check.remedy!, remedy);
    const auto = checkGpu({ ...all, ...facts }, "auto");
    assertEquals(auto.ok, true);
    assertStringIncludes(auto.detail, "computes on the CPU");
    assertEquals(checkGpu({ ...all, ...facts }, "cpu").ok, true);
  }
  assertEquals(checkGpu({ ...all, device: null }, "cuda").ok, true, "not looked at is not missing");
});

Deno.test("readGpu without libtorch finds none that computes on a GPU", async () => {
  assertEquals((await readGpu(null)).cuda, false);
});
