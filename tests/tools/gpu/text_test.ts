import { assert, assertEquals } from "@std/assert";
import type { Figure } from "../../../tools/gpu/figures.ts";
import { NOT_ASKED, type Results, resultsJson, type StageResult } from "../../../tools/gpu/results.ts";
import { numberText, resultsText } from "../../../tools/gpu/text.ts";

function results(...stages: Partial<StageResult>[]): Results {
  const empty = { name: "machine", status: "done" as const, seconds: 1.25, limit: 70, figures: [] };
  const about = { fedx: "0.1.0", commit: "c0ffee + 1 changed files", device: "cuda" as const };
  return { ...about, began: "2026-11-24T12:00:00Z", stages: stages.map((stage) => ({ ...empty, ...stage })) };
}

const rows = (...figures: Figure[]) => resultsText(results({ figures })).split("\n").slice(5).join("\n");

Deno.test("gpu.txt: stages, groups, and a line a figure with its unit, its bound and whether it is kept", () => {
  const figures = [
    { group: "machine", name: "GPU", value: "NVIDIA H200" },
    { group: "fp16 against fp32", name: "largest difference", value: 0.00042, bound: "≤ 1e-3", ok: true },
    { group: "machine", name: "cores", value: 16 },
    { group: "fp16 against fp32", name: "steps skipped", value: 3, unit: "steps", bound: "1", ok: false },
    { group: "machine", name: "GPU busy", value: null, unit: "%", reason: "only on a GPU" },
  ];
  const got = resultsText(results({ figures }, { name: "right", status: "failed", reason: "exit status 1" }, {
    name: "fast",
    status: "skipped",
    reason: NOT_ASKED,
  }));
  assertEquals(
    got,
    `fedx 0.1.0 on a GPU; began 2026-11-24T12:00:00Z
sources: c0ffee + 1 changed files
failed: right

machine: done (1.3 s of at most 70 s)
  machine
    GPU                                            NVIDIA H200
    cores                                                    16
    GPU busy                                       – only on a GPU
  fp16 against fp32
    largest difference                                  4.20e-4              ≤ 1e-3         ok
    steps skipped                                             3 steps        1              NOT OK

right: failed (1.3 s of at most 70 s): exit status 1
`,
  );
});

Deno.test("gpu.txt: no line has more than 100 columns, whatever a name, a value or a reason is", () => {
  const long = "void at::native::vectorized_elementwise_kernel<4,".repeat(5);
  for (const text of [long, long.replaceAll(",", ", "), "x".repeat(400), "word ".repeat(60)]) {
    const got = rows(
      { group: "g", name: text, value: 1.5, unit: "ms" },
      { group: text, name: "n", value: text },
      { group: "g", name: "n", value: null, bound: text, ok: false, reason: text },
    );
    assert(got.split("\n").every((line) => line.length <= 100), got);
    assert(got.replaceAll(/\s/g, "").includes(text.replaceAll(/\s/g, "")), "nothing of it is lost");
  }
});

Deno.test("numbers have the four digits that count", () => {
  const shown = [0, 12, 12.34567, 1234.5, 0.5, 0.00012345, -0.25, 123456789].map(numberText);
  assertEquals(shown, ["0", "12", "12.35", "1235", "0.5", "1.23e-4", "-0.25", "123456789"]);
});

Deno.test("gpu.json: the machine and the versions once more by name", () => {
  const figures = [
    { group: "machine", name: "GPU", value: "NVIDIA H200" },
    { group: "versions", name: "PyTorch", value: "2.11.0+cu130" },
  ];
  const { commit, device, machine, versions, stages } = JSON.parse(resultsJson(results({ figures })));
  assertEquals([commit, device], ["c0ffee + 1 changed files", "cuda"]);
  assertEquals([machine, versions], [{ GPU: "NVIDIA H200" }, { PyTorch: "2.11.0+cu130" }]);
  assertEquals(stages[0].figures, figures);
});
