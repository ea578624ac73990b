/** The machine that a figure was measured on, in one line: a figure without its CPU says little. */

/** Instruction sets that decide how fast libtorch computes, the widest first. */
const SETS = ["amx_tile", "avx512_bf16", "avx512f", "avx2"];

/** What /proc/cpuinfo says: name, family and model, logical CPUs, widest instruction set. */
export function describeMachine(cpuinfo: string, cpus: number): string {
  const value = (key: string) => new RegExp(`^${key}\\s*:\\s*(.*)$`, "m").exec(cpuinfo)?.[1].trim();
  const flags = (value("flags") ?? "").split(" ");
  const numbers = `family ${value("cpu family") ?? "?"}, model ${value("model") ?? "?"}`;
  const widest = SETS.find((set) => flags.includes(set)) ?? "no AVX2";
  return `${value("model name") ?? "unknown CPU"} (${numbers}, ${widest}), ${cpus} logical CPUs`;
}

/** This machine. */
export function machine(): string {
  return `measured on: ${
    describeMachine(Deno.readTextFileSync("/proc/cpuinfo"), navigator.hardwareConcurrency)
  }`;
}
