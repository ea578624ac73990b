import { assertEquals } from "@std/assert";
import { figure, figureLine, FIGURES, parseFigures } from "../../../tools/gpu/figures.ts";
import { inFolder } from "../../testing/folder.ts";

Deno.test("figure appends one line each to the file that the environment names, and none without it", () =>
  inFolder((folder) => {
    const path = `${folder}/figures`;
    const before = Deno.env.get(FIGURES);
    try {
      Deno.env.set(FIGURES, path);
      figure({ group: "g", name: "a", value: 1.5, unit: "ms", bound: "≤ 2", ok: true });
      figure({ group: "g", name: "b", value: null, reason: "only on a GPU" });
      Deno.env.delete(FIGURES);
      figure({ group: "g", name: "c", value: 3 });
    } finally {
      if (before === undefined) Deno.env.delete(FIGURES);
      else Deno.env.set(FIGURES, before);
    }
    assertEquals(parseFigures(Deno.readTextFileSync(path)), [
      { group: "g", name: "a", value: 1.5, unit: "ms", bound: "≤ 2", ok: true },
      { group: "g", name: "b", value: null, reason: "only on a GPU" },
    ]);
    return Promise.resolve();
  }));

Deno.test("a value that JSON has no number for is kept as text", () => {
  assertEquals(parseFigures(figureLine({ group: "g", name: "a", value: NaN })), [
    { group: "g", name: "a", value: "NaN" },
  ]);
});

Deno.test("a line that was being written is left out, and one that is no figure is a failure", () => {
  const whole = figureLine({ group: "g", name: "a", value: 1 });
  assertEquals(parseFigures(whole + whole.slice(0, 20)).length, 1);
  const [, other] = parseFigures(`${whole}Warning\n`);
  assertEquals([other.name, other.value, other.ok], ["Warning", null, false]);
});
