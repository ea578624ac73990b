import { assert, assertEquals } from "@std/assert";
import { ABI_VERSION, CODES, FUNCTIONS, STATE, SYMBOLS } from "../../src/shim/symbols.ts";

const header = await Deno.readTextFile(new URL("../../native/fedx.h", import.meta.url));
const source = header.replace(/\/\*[\s\S]*?\*\//g, "");

/** `const uint8_t *plan` → ["plan", "buffer"]. */
function parameter(text: string): [string, string] {
  const [, type, star, name] = /^(?:const )?(\w+) (\*?)(\w+)$/.exec(text.trim())!;
  assert(star || type === "uint32_t", `expected u32 or a pointer, got ${text}`);
  return [name, star ? "buffer" : "u32"];
}

Deno.test("FUNCTIONS equals native/fedx.h: names, order, parameter names and types, results", () => {
  const declared = [...source.matchAll(/^(u?int32_t) (fedx_\w+)\(([^)]*)\);/gm)].map((
    [, result, name, list],
  ) => ({
    name,
    result: result === "int32_t" ? "i32" : "u32",
    parameters: list.trim() === "void" ? [] : list.split(",").map(parameter),
  }));
  assertEquals(declared.length, source.match(/fedx_\w+\(/g)?.length);
  const table = Object.entries(FUNCTIONS).map(([name, { result, parameters }]) => ({
    name,
    result: result as string,
    parameters: parameters.map(([name, type]): [string, string] => [name, type]),
  }));
  assertEquals(table, declared);
});

Deno.test("FUNCTIONS: a call that the header says blocks on the engine's thread is nonblocking, but for destroy and shutdown", () => {
  const comments = [...header.matchAll(/\/\*((?:(?!\*\/)[^])*)\*\/\s*u?int32_t (fedx_\w+)\(/g)];
  const blocking = comments.filter(([, comment]) => /\bBlocks\b/.test(comment)).map(([, , name]) => name);
  const table = Object.entries(SYMBOLS).filter(([, symbol]) => symbol.nonblocking).map(([name]) => name);
  assertEquals(
    new Set([...table, "fedx_engine_destroy", "fedx_shutdown"]),
    new Set([...blocking, "fedx_data_put"]),
  );
});

Deno.test("CODES, STATE and ABI_VERSION equal the header's constants", () => {
  const numbers = Object.fromEntries(
    [...source.matchAll(/#define FEDX_(\w+) (\d+)/g)].map(([, name, n]) => [name, Number(n)]),
  );
  assertEquals(numbers.ABI_VERSION, ABI_VERSION);
  CODES.forEach((code, n) => assertEquals(numbers[code === "ok" ? "OK" : `E_${code.toUpperCase()}`], n));
  for (const [kind, n] of Object.entries(STATE)) assertEquals(numbers[`STATE_${kind.toUpperCase()}`], n);
  assertEquals(Object.keys(numbers).length, 1 + CODES.length + Object.keys(STATE).length);
});
