import { assertEquals, assertMatch } from "@std/assert";
import { describeMachine, machine } from "../../bench/machine.ts";

Deno.test("describeMachine names the CPU, its family and model, and the widest instruction set", () => {
  const text =
    "cpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\nflags\t\t: fpu avx avx2 avx512f avx512_bf16\n";
  assertEquals(describeMachine(text, 2), "AMD EPYC (family 25, model 17, avx512_bf16), 2 logical CPUs");
  assertEquals(
    describeMachine("flags : sse4_1\n", 1),
    "unknown CPU (family ?, model ?, no AVX2), 1 logical CPUs",
  );
  assertMatch(machine(), /^measured on: .+ logical CPUs$/);
});
