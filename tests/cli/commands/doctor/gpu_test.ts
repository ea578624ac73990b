import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { checkGpu, type GpuFacts, readGpu, tryGpu } from "../../../../src/cli/commands/doctor/gpu.ts";
import { NativeError } from "../../../../src/model/engine.ts";
import { libraries } from "../../../testing/libraries.ts";

const LIBRARIES = await libraries();
const ALL: GpuFacts = { libcuda: "/usr/lib64/libcuda.so.1", driver: "580.65", cuda: true };
const works = () => Promise.resolve("cuda NVIDIA H100");
const refuses = () =>
  Promise.reject(new NativeError("fedx_engine_create", "device", "expected a GPU, got none"));

Deno.test("checkGpu says what the engine computes on, once it was tried there", async () => {
  for (const asked of ["auto", "cuda"]) {
    const { check, used } = await checkGpu(ALL, asked, works);
    assertEquals([check.ok, check.remedy, used], [true, undefined, true]);
    assertEquals(check.detail, "driver 580.65, libtorch with CUDA: computes on cuda NVIDIA H100");
  }
  const { check, used } = await checkGpu(ALL, "cpu", () => Promise.reject(new Error("tried all the same")));
  assertEquals([check.ok, used], [true, false]);
  assertStringIncludes(check.detail, "not asked for");
});

Deno.test("checkGpu warns where a GPU does not work and the CPU takes its place, and fails where it is asked for", async () => {
  const { check, used } = await checkGpu(ALL, "auto", refuses);
  assertEquals([check.ok, used], [true, false]);
  assertMatch(check.detail, /^computes on the CPU: expected a GPU, got none$/);
  assertStringIncludes(check.remedy!, "nvidia-smi");
  const asked = await checkGpu(ALL, "cuda", refuses);
  assertEquals([asked.check.ok, asked.used], [false, false]);
});

Deno.test("checkGpu fails only where a GPU is asked for and something of it is missing", async () => {
  const lacking: [Partial<GpuFacts>, string][] = [
    [{ libcuda: null, driver: null }, "NVIDIA driver"],
    [{ cuda: false }, "libtorch with CUDA"],
  ];
  for (const [facts, remedy] of lacking) {
    const { check } = await checkGpu({ ...ALL, ...facts }, "cuda", works);
    assertEquals(check.ok, false);
    assertStringIncludes(check.remedy!, remedy);
    const auto = await checkGpu({ ...ALL, ...facts }, "auto", works);
    assertEquals([auto.check.ok, auto.check.remedy], [true, undefined]);
    assertStringIncludes(auto.check.detail, "computes on the CPU");
  }
  const { check } = await checkGpu(ALL, "auto", null);
  assertStringIncludes(check.detail, "not tried without the engine");
});

Deno.test("readGpu without libtorch finds none that computes on a GPU", async () => {
  assertEquals((await readGpu(null)).cuda, false);
});

Deno.test({
  name: "tryGpu refuses, with the device's reason, where there is no GPU",
  ignore: (await readGpu(null)).libcuda !== null,
  async fn() {
    await assertRejects(() => tryGpu(LIBRARIES), NativeError, "expected a GPU, got");
  },
});
