import { basename, dirname, resolve } from "node:path";
import { runAggregator } from "../../fed/aggregator/aggregator.ts";
import { notBegun } from "../../fed/aggregator/away.ts";
import { checkCertificate } from "../../fed/pki/own_certificate.ts";
import { requireOpenFiles } from "../../fed/aggregator/open_files.ts";
import { proposalIn, startOf } from "../../fed/aggregator/start.ts";
import { ascii } from "../../fed/protocol/ascii.ts";
import { checkProposal } from "../../fed/protocol/proposal.ts";
import { readRecording, type Recorded } from "../../fed/aggregator/replay.ts";
import { enrolled } from "../../fed/flower/hub/enrolment.ts";
import { flowerHub } from "../../fed/flower/hub/hub.ts";
import type { Proposal } from "../../fed/protocol/messages.ts";
import { AGGREGATOR, REVOCATIONS } from "../../fed/state/folder.ts";
import { kernelOf } from "../../kernel.ts";
import { layoutOf } from "../../model/layout.ts";
import { initialWeights } from "../../model/weights/initial.ts";
import { EventLog } from "../output/event_log.ts";
import { outsideNih } from "../output/label_rule.ts";
import { hubEnd, hubPage } from "../output/report/hub.ts";
import { writeReport } from "../output/report/write.ts";
import type { Context } from "../context.ts";
import type { Values } from "../options/option.ts";
import type { aggregate } from "../options/table/aggregate.ts";
import { UsageError } from "../options/usage_error.ts";
import { sentence } from "../../refusal.ts";
import { proposalOf, settingsOf, unmaskedFor } from "../options/proposal.ts";
import { checkOutputFolder } from "../output/check_output.ts";
import type { Output } from "../output/output.ts";
import { setAside } from "../output/set_aside.ts";

/** Runs the aggregator to the end of the run. */
export async function run({ values, output, signal, faultPoint }: Context<typeof aggregate>): Promise<void> {
  requireOpenFiles(); // before anything is fetched or set aside
  await checkOutputFolder(values.state, { flag: "--state" });
  const origin = values.replay === undefined
    ? await fresh(values, output)
    : await readRecording(values.replay, { into: values.state });
  const guests = guestsOf(values, origin.proposal);
  output.line(`start: ${origin.proposal.init.source}`);
  output.line(`seed: ${origin.proposal.seed}`);
  output.line(maskedLine(origin.proposal, values));
  if (values.new && values.without !== undefined) throw notBegun();
  if (values.new) await setAside(values.state, { role: AGGREGATOR, keep: [REVOCATIONS], output });
  using log = await EventLog.open(values.state, output);
  const result = await log.ending(
    runAggregator({
      ...origin,
      listen: values.listen,
      tls: values.tls,
      state: values.state,
      // A replay goes without whom the run that it repeats went without.
      without: values.replay === undefined ? values.without : undefined,
      allowSameShard: values["allow-same-shard"],
      maxShare: values["max-share"],
      guests,
      onEvent: log.onEvent,
      log: log.audit,
      faultPoint,
      signal,
    }),
    signal,
  );
  const report = await writeReport(values.state, hubPage(result), output);
  output.result({ ...result, report }, hubEnd(result, { ...values, report }));
}

/** What a new run begins with: the settings are this operator's, and looked at before any weights are fetched. */
async function fresh(values: Values<typeof aggregate>, output: Output): Promise<Omit<Recorded, "recording">> {
  const silos = values.silos!, kernel = kernelOf(values.jpeg2000);
  const before = values.new ? null : await proposalIn(values.state);
  const flower = before === null ? await flowerAmong(silos, values) : before.flower ?? [];
  const seed = values.seed ?? before?.seed ?? crypto.getRandomValues(new Uint32Array(1))[0];
  const settings = settingsOf({ ...values, kernel, silos, seed, flower });
  checkProposal(settings);
  await checkCertificate(values.tls, { role: "aggregator" });
  const own = await ownStart(values);
  const { labelRule } = settings;
  const start = own ??
    await initialWeights(layoutOf(values.network, values), { ...values, kernel, seed, labelRule });
  const doubt = outsideNih(labelRule);
  if (doubt !== null) output.line(`warning: ${doubt}`);
  if ("warning" in start && start.warning !== undefined) output.line(`warning: ${start.warning}`);
  return { proposal: proposalOf(settings, start), start: start.vector };
}

/** Whether updates are masked, and why not. */
function maskedLine({ masked, silos, quorum, flower }: Proposal, values: Values<typeof aggregate>): string {
  if (masked !== null) return `masked: yes, sums of at least ${masked.minCohort} silos`;
  const why = values.replay === undefined
    ? unmaskedFor({ ...values, silos, quorum, flower })
    : "as in the run that is repeated";
  return `masked: no, ${why}: whoever runs this aggregator sees each hospital's update`;
}

/** Those of the silos that run Flower: who is enrolled. */
async function flowerAmong(silos: readonly string[], values: Values<typeof aggregate>): Promise<string[]> {
  if (values["flower-listen"] === undefined) return [];
  const sites = await enrolled(values.tls);
  const found = silos.filter((silo) => sites.has(silo));
  if (found.length > 0) return found;
  throw new UsageError(sentence({
    what: "Cannot take part with Flower",
    expected: "--silos with one that is enrolled",
    got: silos.join(", "),
    remedy: `fedx flower enrol NAME K.pub --train N --positives P --tls ${values.tls}`,
  }));
}

/** What serves the SuperNodes of a run's sites with Flower; a run has them or not for good. */
function guestsOf(values: Values<typeof aggregate>, { flower }: Proposal) {
  if (flower.length === 0) return undefined;
  const { tls, "flower-listen": listen } = values;
  if (listen !== undefined) return flowerHub({ tls, listen });
  throw new UsageError(sentence({
    what: "Cannot run with sites of Flower",
    expected: `--flower-listen for the SuperNodes of ${flower.join(", ")}`,
    got: "none",
  }));
}

/**
 * What the run in --state began with, where --init names a file of that folder, else null: the file has moved away since
 * with the run before (--new), or is this run's own by now, and the same command goes on all the same.
 */
async function ownStart({ init, state, new: another }: Values<typeof aggregate>) {
  if (another || resolve(dirname(init)) !== resolve(state)) return null;
  const start = await startOf(state);
  const same = start?.init.source.startsWith(`${ascii(basename(init))} (`);
  return same ? { ...start!.init, vector: start!.vector } : null;
}
