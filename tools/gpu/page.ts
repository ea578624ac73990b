/**
 * Writes the tables of figures of docs/gpu.md from a gpu.json: `deno run -A tools/gpu/page.ts RESULTS/gpu.json`. Without
 * one they are empty.
 */
import type { Figure } from "./figures.ts";
import { type Results, shortfall, type StageResult } from "./results.ts";
import { numberText } from "./text.ts";

/** What the stages `fast` and `memory` measure at; in a rehearsal all of it is smaller. */
export interface Scale {
  sizes: readonly number[];
  batches: readonly number[];
  precisions: readonly string[];
}
export const ON_GPU: Scale = { sizes: [128, 224], batches: [32, 256], precisions: ["fp16", "bf16"] };

/** The page has the tables between these. */
const BEGIN = "<!-- figures -->\n", END = "<!-- end of figures -->";
const NONE = "not yet run";

/** A stage's figure as a cell; `group` is how its group begins. */
type Cell = (stage: string, group: string, name: string) => string;

/** All tables; `results` is null where there are none yet. */
export function tables(results: Results | null, scale: Scale = ON_GPU): string {
  const cell: Cell = (stage, group, name) => {
    if (results === null) return NONE;
    const own = results.stages.find((one) => one.name === stage)?.figures ?? [];
    return text(own.find((one) => one.name === name && one.group.startsWith(group)));
  };
  const parts: [string, string[][]][] = [
    ["The machine", machine(cell)],
    ["The stages", stages(results)],
    ["Training, a step", training(cell, scale)],
    ["Training, what it takes", usage(cell, scale)],
    ["A steady step", steady(cell, scale)],
    ["The costliest kernels", kernels(results)],
    ["Inference, a batch", inference(cell, scale)],
    ["Three silos on one card", real(cell)],
    ["Half precision beside single", memory(cell, scale)],
  ];
  return parts.map(([title, rows]) => `### ${title}\n\n${markdown(rows)}`).join("\n");
}

function text(figure: Figure | undefined): string {
  if (figure === undefined) return "not measured";
  const { value, unit } = figure;
  if (value === null) return "–";
  return `${typeof value === "number" ? numberText(value) : value}${unit === undefined ? "" : ` ${unit}`}`;
}

const points = ({ sizes, batches, precisions }: Scale) =>
  precisions.flatMap((precision) =>
    sizes.flatMap((size) => batches.map((batch) => `${size} px, batch ${batch}, ${precision}`))
  );

function machine(cell: Cell): string[][] {
  const own = ["GPU", "GPU memory", "NVIDIA driver", "CUDA of the driver", "CPU", "cores"];
  return [
    ["what", "is"],
    ...own.map((name) => [name, cell("machine", "machine", name)]),
    ...["PyTorch", "cuDNN", "torchvision"].map((name) => [name, cell("machine", "versions", name)]),
    ["engine compiled and linked in", cell("machine", "engine", "compiled and linked in")],
  ];
}

/** How each stage ended, and how many of the figures that were promised something keep it. */
function stages(results: Results | null): string[][] {
  const ended = ({ status, seconds }: StageResult) => `${status}, ${seconds.toFixed(1)} s`;
  const kept = ({ figures }: StageResult) => {
    const promised = figures.filter(({ ok }) => ok !== undefined);
    return `${promised.filter(({ ok }) => ok).length} of ${promised.length}`;
  };
  const names = ["machine", "right", "fast", "real", "memory"];
  const found = (name: string) => results?.stages.find((one) => one.name === name);
  const rows = names.map((name) => {
    const stage = found(name);
    return [`\`${name}\``, ...stage === undefined ? [NONE, NONE] : [ended(stage), kept(stage)]];
  });
  return [["stage", "how it ended", "as promised"], ...rows];
}

function training(cell: Cell, scale: Scale): string[][] {
  const names = ["fedx eager, a step", "fedx graph, a step", "PyTorch eager, a step"];
  const more = ["fedx graph, beside PyTorch eager", "fedx graph, speed"];
  return [
    ["work", "eager", "graph", "PyTorch eager", "graph beside PyTorch", "graph's speed"],
    ...points(scale).map((
      of,
    ) => [of, ...[...names, ...more].map((name) => cell("fast", `train ${of}`, name))]),
  ];
}

function usage(cell: Cell, scale: Scale): string[][] {
  const sides = ["fedx eager", "fedx graph", "PyTorch eager"];
  const first = { ...scale, precisions: scale.precisions.slice(0, 1) }; // the one that is profiled
  return [
    ["work", "GPU busy, graph", "PyTorch", "peak memory, eager", "graph", "PyTorch"],
    ...points(first).map((of) => [
      of,
      ...sides.slice(1).map((side) => cell("fast", `train ${of}`, `${side}, GPU busy`)),
      ...sides.map((side) => cell("fast", `train ${of}`, `${side}, peak memory`)),
    ]),
  ];
}

function steady(cell: Cell, scale: Scale): string[][] {
  const [of] = points(scale), sides = ["fedx eager", "fedx graph", "PyTorch eager"];
  const counts = ["kernels", "launches", "host waits", "driver memory calls", "allocator requests"];
  return [
    [`train ${of}`, "eager", "graph", "PyTorch eager"],
    ...counts.map((count) => [
      `${count} a step`,
      ...sides.map((side) => cell("fast", `train ${of}`, `${side}, ${count} a step`)),
    ]),
  ];
}

/** The ten that fused first would save most. */
function kernels(results: Results | null): string[][] {
  const head = ["fedx graph's kernel", "share of the GPU's time"];
  const figures = results?.stages.find(({ name }) => name === "fast")?.figures ?? [];
  const own = figures.filter(({ group }) => group.startsWith("costliest kernels of fedx graph"));
  if (own.length === 0) return [head, ["the ten costliest", NONE]];
  return [head, ...own.map((one) => [one.name.replaceAll("|", "\\|"), text(one)])];
}

function inference(cell: Cell, scale: Scale): string[][] {
  const names = ["fedx, a call", "PyTorch eager, a call", "fedx, beside PyTorch eager", "fedx, speed"];
  const first = { ...scale, precisions: scale.precisions.slice(0, 1) };
  return [
    ["work", "fedx", "PyTorch eager", "fedx beside PyTorch", "speed"],
    ...points(first).map((of) => [of, ...names.map((name) => cell("fast", `inference ${of}`, name))]),
  ];
}

function real(cell: Cell): string[][] {
  const names = [
    "rounds done",
    "a round, median",
    ...["a", "b", "c"].map((silo) => `training, silo ${silo}, median`),
    "peak GPU memory, all that runs on the card",
    "the whole run, starts included",
    "AUROC, federated, by evaluate",
  ];
  return [
    ["what", "is"],
    ...names.map((name) => [name, cell("real", "federation", name)]),
    ["the demo's total", cell("real", "demo", "the demo's total")],
    ["the demo's AUROC, federated", cell("real", "demo", "AUROC, federated")],
  ];
}

function memory(cell: Cell, { sizes: [size], batches, precisions: [half] }: Scale): string[][] {
  const names = [
    ...["fp32", half].flatMap((precision) => [`fedx ${precision}, peak memory`, `fedx ${precision}, speed`]),
    `memory halved by ${half}`,
    `speed doubled by ${half}`,
  ];
  return [
    ["what", ...batches.map((batch) => `batch ${batch}`)],
    ...names.map((name) => [
      name,
      ...batches.map((batch) => cell("memory", `train ${size} px, batch ${batch}`, name)),
    ]),
  ];
}

/** A table as `deno fmt` would have it. */
function markdown(rows: string[][]): string {
  const widths = rows[0].map((_, at) => Math.max(3, ...rows.map((row) => row[at].length)));
  const line = (row: string[]) => `| ${row.map((cell, at) => cell.padEnd(widths[at])).join(" | ")} |\n`;
  const [head, ...body] = rows;
  return [head, widths.map((width) => "-".repeat(width)), ...body].map(line).join("");
}

/** The page with its tables made anew. */
export function withTables(page: string, results: Results | null): string {
  const begin = page.indexOf(BEGIN) + BEGIN.length, end = page.indexOf(END);
  if (begin < BEGIN.length || end < begin) {
    throw new Error(`Cannot write the figures: expected ${BEGIN.trim()} in it`);
  }
  return `${page.slice(0, begin)}\n${aboutOf(results)}\n\n${tables(results)}\n${page.slice(end)}`;
}

/** Where the figures are from, one sentence. */
function aboutOf(results: Results | null): string {
  if (results === null) return "Not yet run: no card was there.";
  const { began, commit } = results;
  const missing = shortfall(results);
  return `From ${began.slice(0, 10)}, commit ${commit.slice(0, 10)}${
    missing === null ? "" : `; ${missing}`
  }.`;
}

if (import.meta.main) {
  const path = new URL("../../docs/gpu.md", import.meta.url);
  const results = Deno.args[0] === undefined ? null : JSON.parse(await Deno.readTextFile(Deno.args[0]));
  await Deno.writeTextFile(path, withTables(await Deno.readTextFile(path), results));
}
