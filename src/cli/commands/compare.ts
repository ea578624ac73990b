// Why: which network, recipe and way of federating to use is decided on the hospitals' own kind of films, with intervals.
import { basename } from "node:path";
import { openShards, poolOf } from "../../data/pool.ts";
import type { Shard } from "../../data/shard.ts";
import { digest } from "../../files/digest.ts";
import { writeDurably } from "../../files/durable.ts";
import { findLibraries } from "../../model/libraries.ts";
import { plural } from "../../plural.ts";
import type { Context } from "../context.ts";
import { formatDuration } from "../options/duration.ts";
import type { compare } from "../options/table/compare.ts";
import { UsageError } from "../options/usage_error.ts";
import type { Output } from "../output/output.ts";
import { thisMachine } from "../output/machine.ts";
import { comparisonTable, reportHtml, trainingText } from "../output/report/comparison.ts";
import { score } from "../output/table.ts";
import { figuresOf } from "./compare/figures.ts";
import { deckFindings } from "./compare/findings.ts";
import { keyOf, planOf } from "./compare/plan.ts";
import { Rows } from "./compare/rows.ts";
import { type Costed, costsOf, Films, sideBySide, train, type Work } from "./compare/work.ts";
import { measure } from "./networks/speed.ts";

/** Trains what has no row yet, and reports on all. */
export async function run({ values, output, signal }: Context<typeof compare>): Promise<void> {
  if (values.passes !== undefined && values.budget !== undefined) {
    throw new UsageError("Cannot use --passes with --budget: expected one of them, got both; leave out one.");
  }
  const shards = await openShards(values.shard, { signal });
  const bySize = Map.groupBy(shards, ({ size }) => size);
  const names = hospitalsOf(bySize);
  const plan = planOf(values, { sizes: [...bySize.keys()], hospitals: names.length });
  const pools = new Map([...bySize].map(([size, own]) => [size, poolOf(own)]));
  const films = digest(
    JSON.stringify([shards.map(({ manifest }) => manifest.digest), values.folds ?? null]),
  );
  const rows = await Rows.open(values.out, films);
  const libraries = await findLibraries();
  const { folds, budget, threads } = values;
  const left = plan.filter((training) => !rows.found.has(keyOf(training)));
  output.line(`${plural(plan.length, "training")}, ${plan.length - left.length} of them made before`);
  if (left.length > 0) {
    const device = await deviceOf(values, libraries);
    const work: Work = {
      pools,
      films,
      hospitals: names.length,
      folds,
      budget,
      device,
      threads,
      libraries,
      signal,
    };
    await makeRows(await costsOf(left, work, rows.found.values()), { work, rows, names, output });
  }
  const judged = { pools, names, folds };
  const ways = figuresOf(plan, rows.found, judged);
  const findings = values.deck ? deckFindings(plan, rows.found, judged) : [];
  const report = `${values.out}/report.html`;
  const facts = { ways, findings, machine: thisMachine(), names, folds };
  await writeDurably(report, reportHtml(facts));
  output.result(
    {
      machine: facts.machine,
      ways: ways.map(({ way, methods }) => ({
        ...json(way),
        methods: Object.fromEntries(methods.map(({ name, curve: _curve, ...one }) => [name, one])),
      })),
      findings,
      rows: rows.path,
      report,
    },
    `${comparisonTable(facts)}\nreport: ${report}`,
  );
}

const json = ({ localEpochs, ...way }: { localEpochs: number }) => ({ ...way, local_epochs: localEpochs });

/** Names of the hospitals, by their shards of the first size. @throws {UsageError} where a size has other hospitals */
function hospitalsOf(bySize: ReadonlyMap<number, Shard[]>): string[] {
  const [[size, first], ...others] = bySize;
  const odd = others.find(([, own]) => own.length !== first.length);
  if (odd !== undefined) {
    throw new UsageError(
      `Cannot compare sizes: expected a --shard of each hospital in each size, got ${first.length} of ${size} px and ` +
        `${odd[1].length} of ${odd[0]} px; name each hospital's shard of every size.`,
    );
  }
  const names = first.map(({ dir }) => basename(dir.replace(/\/+$/, "")));
  return names.map((name, at) => names.indexOf(name) === at ? name : `${name} (${at + 1})`);
}

/** What `auto` stands for here: a GPU does one training at a time. */
async function deviceOf(
  { device, threads }: Pick<Work, "device" | "threads">,
  libraries: Work["libraries"],
): Promise<Work["device"]> {
  if (device !== "auto") return device;
  const found = await measure("efficientnet_b0", { libraries, device, threads, size: 32, batch: 2 });
  return found.device.startsWith("cpu") ? "cpu" : "cuda";
}

/** Makes trainings, as many at once as there is room for. */
async function makeRows(
  costed: readonly Costed[],
  { work, rows, names, output }: { work: Work; rows: Rows; names: readonly string[]; output: Output },
): Promise<void> {
  const at = sideBySide(work);
  const whole = costed.reduce((sum, { seconds }) => sum + seconds, 0) / at;
  output.line(
    `about ${formatDuration(whole)} on this machine, ${
      plural(at, "training")
    } at once; it may be stopped and started again`,
  );
  using films = new Films(work);
  const waiting = [...costed], doing = new Map<Costed, number>();
  const passes = costed.reduce((sum, one) => sum + one.passes, 0);
  let made = 0;
  const show = () => {
    const done = [...doing.values()].reduce((sum, one) => sum + one, made);
    output.progress("passes", Math.floor(done), Math.ceil(passes));
  };
  const side = async () => {
    for (let one; (one = waiting.shift()) !== undefined;) {
      const { training } = one, each = one;
      const row = await train(one, films, (passes) => {
        doing.set(each, passes);
        show();
      });
      doing.delete(one);
      made += one.passes;
      await rows.add(row);
      const last = row.curve.at(-1)?.auroc;
      output.line(
        `${trainingText(training, names)}: val AUROC ${score(last)}, ${formatDuration(row.seconds)}`,
      );
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: at }, side));
  const failed = ended.find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
