// Why: which network, recipe and way of federating to use is decided on the hospitals' own kind of films, with intervals.
import { cpus } from "node:os";
import { checkRuleClasses, checkTrainable } from "../../data/classes.ts";
import { checkSameKernel, openShards, type Pool, poolOf } from "../../data/pool.ts";
import type { Shard } from "../../data/shard.ts";
import { digest } from "../../files/digest.ts";
import { writeDurably } from "../../files/durable.ts";
import { ANY_FINDING } from "../../label_rule.ts";
import { findLibraries } from "../../model/libraries.ts";
import { plural } from "../../plural.ts";
import type { Context } from "../context.ts";
import { formatDuration } from "../options/duration.ts";
import type { Values } from "../options/option.ts";
import type { compare } from "../options/table/compare.ts";
import { UsageError } from "../options/usage_error.ts";
import { absentFindings } from "../output/label_rule.ts";
import type { Output } from "../output/output.ts";
import { comparisonTable, type Facts, reportHtml, trainingText } from "../output/report/comparison.ts";
import { shardNames } from "../output/shard_names.ts";
import { score } from "../output/table.ts";
import { figuresOf } from "./compare/figures.ts";
import { deckFindings } from "./compare/findings.ts";
import { distinct, planOf, type Training } from "./compare/plan.ts";
import { ruleOf } from "./compare/rule.ts";
import { Rows } from "./compare/rows.ts";
import { type Costed, costsOf, Films, sideBySide, train, type Work } from "./compare/work.ts";
import { measure } from "./networks/speed.ts";

/** Trains what has no row yet, and reports on all. */
export async function run({ values, output, signal }: Context<typeof compare>): Promise<void> {
  if (values.passes !== undefined && values.budget !== undefined) {
    throw new UsageError("Cannot use --passes with --budget: expected one of them, got both; leave out one.");
  }
  const shards = await openShards(values.shard, { signal });
  shards.forEach(checkTrainable);
  checkSameKernel(shards); // of two sizes too: what differs is then the size alone
  const bySize = Map.groupBy(shards, ({ size }) => size);
  const names = hospitalsOf(bySize);
  const plan = planOf(values, { sizes: [...bySize.keys()], hospitals: names.length });
  const labelRule = await ruleOf(values);
  const missing = absentFindings(shards, labelRule);
  if (missing !== null) output.line(`warning: ${missing}`);
  for (const shard of shards) checkRuleClasses(shard, labelRule); // each hospital trains alone too
  const pools = new Map([...bySize].map(([size, own]) => [size, poolOf(own, { labelRule })]));
  const digests = shards.map(({ manifest }) => manifest.digest);
  const rule = labelRule === ANY_FINDING ? [] : [labelRule];
  const films = digest(JSON.stringify([digests, values.folds ?? null, ...rule]));
  const rows = await Rows.open(values.out, films);
  const all = distinct(plan);
  const left = [...all].flatMap(([key, training]) => rows.found.has(key) ? [] : [training]);
  output.line(`${plural(all.size, "training")}, ${all.size - left.length} of them made before`);
  if (left.length > 0) {
    const work = await workOf(values, { pools, films, hospitals: names.length, signal });
    await makeRows(left, { work, rows, names, output });
  }
  const { folds, deck } = values, judged = { pools, names, folds };
  const facts: Facts = {
    ways: figuresOf(plan, rows.found, judged),
    findings: deck ? deckFindings(plan, rows.found, judged) : [],
    machine: [...new Set([...rows.found.values()].map(({ machine }) => machine))].join("; "),
    ...{ names, folds, labelRule },
  };
  const report = `${values.out}/report.html`;
  await writeDurably(report, reportHtml(facts));
  output.result(
    { ...jsonOf(facts), rows: rows.path, report },
    `${comparisonTable(facts)}\nreport: ${report}`,
  );
}

function jsonOf({ machine, labelRule, ways, findings }: Facts): Record<string, unknown> {
  return {
    machine,
    label_rule: labelRule,
    ways: ways.map(({ way: { localEpochs, ...way }, methods }) => ({
      ...way,
      local_epochs: localEpochs,
      methods: Object.fromEntries(methods.map(({ name, curve: _curve, ...one }) => [name, one])),
    })),
    findings,
  };
}

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
  return shardNames(first.map(({ dir }) => dir));
}

/** What `auto` stands for here, and how trainings are made. */
async function workOf(
  { folds, budget, threads, device }: Values<typeof compare>,
  shared: { pools: ReadonlyMap<number, Pool>; films: string; hospitals: number; signal: AbortSignal },
): Promise<Work> {
  const libraries = await findLibraries();
  const found = await measure("efficientnet_b0", { libraries, device, threads, size: 32, batch: 2 });
  const onCpu = found.device.startsWith("cpu");
  const all = cpus();
  const machine = onCpu ? `${all[0]?.model.trim()}, ${plural(all.length, "logical CPU")}` : found.device;
  return { ...shared, folds, budget, threads, libraries, machine, device: onCpu ? "cpu" : "cuda" };
}

/** Makes trainings, as many at once as there is room for; says first how long that takes. */
async function makeRows(
  trainings: readonly Training[],
  { work, rows, names, output }: { work: Work; rows: Rows; names: readonly string[]; output: Output },
): Promise<void> {
  const costed = await costsOf(trainings, work, rows.found.values());
  const together = sideBySide(work);
  const sum = (pick: (one: Costed) => number) => costed.reduce((all, one) => all + pick(one), 0);
  output.line(
    `about ${formatDuration(sum(({ seconds }) => seconds) / together)} on this machine, ` +
      `${together} at once; it may be stopped, and goes on where it is started again`,
  );
  using films = new Films(work);
  const waiting = [...costed], doing = new Map<Costed, number>(), passes = sum((one) => one.passes);
  let made = 0;
  const side = async () => {
    for (let one: Costed | undefined; (one = waiting.shift()) !== undefined;) {
      const each = one;
      const row = await train(each, films, (done) => {
        doing.set(each, done);
        const all = [...doing.values()].reduce((a, b) => a + b, made);
        output.progress("passes", Math.floor(all), Math.ceil(passes));
      });
      await rows.add(row);
      doing.delete(each);
      made += each.passes;
      const reached = `val AUROC ${score(row.curve.at(-1)?.auroc)}`;
      output.line(`${trainingText(each.training, names)}: ${reached}, ${formatDuration(row.seconds)}`);
    }
  };
  // Where one fails no other is begun; those that run come to their end.
  const last = (error: unknown) => {
    waiting.length = 0;
    throw error;
  };
  const ended = await Promise.allSettled(Array.from({ length: together }, () => side().catch(last)));
  const failed = ended.find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
