import { assertEquals } from "@std/assert";
import { computingLine } from "../../../src/cli/output/computing.ts";

Deno.test("computingLine says where a command computes, and warns where a GPU is expected and the CPU took its place", () => {
  const line = (device: string, asked: string, flavour: "cpu" | "cuda") =>
    computingLine({ device, threads: 16 }, {
      asked,
      libraries: { libtorch: "/torch", shim: `/native/build/libfedx-${flavour}.so` },
    });
  assertEquals(line("cuda NVIDIA H100", "auto", "cuda"), "computing on cuda NVIDIA H100, in half precision");
  assertEquals(line("cpu", "auto", "cpu"), "computing on the CPU, 16 threads");
  assertEquals(line("cpu", "cpu", "cuda"), "computing on the CPU, 16 threads");
  assertEquals(
    line("cpu", "auto", "cuda"),
    "warning: computing on the CPU, 16 threads: the NVIDIA driver is here, but no GPU that works (--device cuda says why)",
  );
});
