// Why: what a hospital's IT department is asked on the day of the run is asked the week before, with the remedy beside it.
import type { Shard } from "../../data/shard.ts";
import { type Identity, readIdentity } from "../../fed/pki/own_certificate.ts";
import { openFiles } from "../../fed/aggregator/open_files.ts";
import type { Proposal } from "../../fed/protocol/messages.ts";
import { ANY_FINDING } from "../../label_rule.ts";
import { type Layout, layoutOf } from "../../model/layout.ts";
import { preset } from "../../model/recipe.ts";
import { type Check, failed, open } from "./doctor/check.ts";
import { checkDisk, diskNeed, readDisk } from "./doctor/disk.ts";
import { checkEngine } from "./doctor/engine.ts";
import { checkGpu, readGpu, tryGpu } from "./doctor/gpu.ts";
import { checkClock, checkIdentity, checkRevocations } from "./doctor/identity.ts";
import { checkMachine, checkOpenFiles, type MachineFacts, readMachine } from "./doctor/machine.ts";
import { aggregatorNeed, checkMemory, trainingNeed } from "./doctor/memory.ts";
import { reach, type Reached } from "./doctor/network.ts";
import { checkPort } from "./doctor/port.ts";
import { checkBandwidth, checkRound, measureSteps, USUAL } from "./doctor/round.ts";
import {
  type AggregatorValues,
  type RoleSettings,
  roleSettings,
  type SiloValues,
} from "./doctor/settings.ts";
import { checkSite } from "./doctor/site.ts";
import { checkShard, checkSplits, openShard } from "./doctor/shard.ts";
import type { Context } from "../context.ts";
import type { doctor } from "../options/table/doctor.ts";
import { plural } from "../../plural.ts";

/** Looks at everything that a run needs here. Exit code 1 when something will not work. */
export async function run({ values, output, signal }: Context<typeof doctor>): Promise<number> {
  const settings = await roleSettings(values);
  const machine = await readMachine();
  const add = (...found: Check[]) => {
    signal.throwIfAborted();
    checks.push(...found);
    output.status(`looked at ${found.at(-1)?.name}`);
  };
  const checks: Check[] = [];
  add(...checkMachine(machine));
  if (settings.role === "aggregator") await aggregator(settings.values, machine, add);
  else await silo(settings, machine, add);
  // A signal that came during the last check is heard only when the process has a moment for it.
  await new Promise((resolve) => setTimeout(resolve, 1));
  signal.throwIfAborted();
  const wrong = checks.filter((check) => check.ok === false).length;
  output.result({ role: settings.role, checks }, describe(checks, settings.role));
  return wrong === 0 ? 0 : 1;
}

type Add = (...found: Check[]) => void;

async function aggregator(values: AggregatorValues, machine: MachineFacts, add: Add): Promise<void> {
  add(await checkIdentity(values.tls, { role: "aggregator" }), await checkRevocations(values.tls));
  add(checkClock(new Date(), null));
  add(checkPort(values.listen), checkOpenFiles(openFiles()));
  const layout = layoutOf(values.network, { channels: values.channels });
  const silos = values.silos?.length ?? 3;
  add(...await disk(values.state, diskNeed("aggregator", { vector: layout.length * 4, silos })));
  const remedy = "end other programs, or use a machine with more memory";
  add(checkMemory(aggregatorNeed(), machine.available, { what: "the aggregator", remedy }));
}

async function silo(
  settings: Exclude<RoleSettings, { role: "aggregator" }>,
  machine: MachineFacts,
  add: Add,
): Promise<void> {
  const { values } = settings;
  const engine = await checkEngine();
  const { libraries } = engine;
  const asked = values.device ?? "auto";
  const attempt = libraries && (() => tryGpu(libraries));
  const gpu = await checkGpu(await readGpu(engine.libtorch), asked, attempt);
  add(...engine.checks, gpu.check);
  if (settings.role === null) {
    add(checkClock(new Date(), null));
    return;
  }
  const name = values.silo ?? "";
  add(await checkIdentity(values.tls, { role: "silo", name }));
  const reached = await tryReach(values);
  add(...reached.checks, checkClock(new Date(), reached.clockAhead));
  const proposal = reached.view?.proposal ?? null;
  const ca = await identityIn(values.tls).then((identity) => identity?.ca ?? null);
  add(...await checkSite(values.site, { ca, proposal, accept: settings.accept }));
  const { check, shard } = await openShard(values.shard);
  add(
    check,
    ...shard === null ? [] : checkSplits(shard, proposal?.labelRule ?? ANY_FINDING),
    ...checkShard(shard, { proposal, accept: settings.accept }),
  );
  const layout = layoutOf(proposal?.network ?? "efficientnet_b0", { channels: proposal?.channels ?? 1 });
  const need = diskNeed("silo", { vector: layout.length * 4, silos: 1 });
  add(...await disk(values.state ?? `fedx-state/${name}`, need));
  if (shard === null) return add(open("memory of the role", "no shard to reckon with"));
  const memory = gpu.used
    ? open("memory of the role", "the GPU's own: what training needs of it was not measured yet")
    : roleMemory(shard, proposal, machine);
  add(memory, checkBandwidth(reached.bandwidth));
  if (libraries === null || memory.ok === false) {
    return add(open("speed", libraries === null ? "no engine" : "too little memory to try"));
  }
  const threads = values.threads ?? machine.cores;
  const speed = await measureSteps(shard, { proposal, libraries, device: asked, threads });
  add(speed.check);
  if (speed.stepsPerSecond !== null) {
    add(round(shard, { proposal, layout, speed: speed.stepsPerSecond, bandwidth: reached.bandwidth }));
  }
}

/** The way to the aggregator, where the settings name one and the certificate folder can be read. */
async function tryReach(values: SiloValues): Promise<Reached> {
  const none = (check: Check): Reached => ({
    checks: [check],
    view: null,
    clockAhead: null,
    bandwidth: null,
  });
  if (values.server === undefined) return none(open("address", "no aggregator named", "give --server"));
  if (values.tls === undefined) return none(open("address", "not tried without a certificate", "give --tls"));
  try {
    return await reach(values.server, await readIdentity(values.tls));
  } catch (error) {
    return none(failed("handshake", error, "put the certificate folder right first"));
  }
}

/** The certificate folder's files; null where they cannot be read, of which another check tells. */
async function identityIn(tls: string | undefined): Promise<Identity | null> {
  return tls === undefined ? null : await readIdentity(tls).catch(() => null);
}

async function disk(state: string, need: number): Promise<Check[]> {
  const facts = await readDisk(state).catch((error) => error as Error);
  return checkDisk(facts, { state, need });
}

function roleMemory(shard: Shard, proposal: Proposal | null, machine: MachineFacts): Check {
  const { recipe: { batch }, network } = proposal ?? USUAL;
  const need = trainingNeed({ network, size: shard.size, batch, images: shard.count });
  const remedy = "ask for a smaller --batch or --size, end other programs, or use a machine with more memory";
  const what = `training with batches of ${batch} at ${shard.size} px`;
  return checkMemory(need, machine.available, { what, remedy });
}

function round(
  shard: Shard,
  options: { proposal: Proposal | null; layout: Layout; speed: number; bandwidth: number | null },
): Check {
  const { proposal, layout, speed, bandwidth } = options;
  const recipe = proposal?.recipe ?? preset("default");
  const { train, val } = shard.manifest.counts;
  const facts = {
    ...{ train: train.images, val: val.images, batch: recipe.batch, stepsPerSecond: speed, bandwidth },
    localEpochs: proposal?.localEpochs ?? recipe.localEpochs,
    vector: layout.length * 4,
  };
  return checkRound(facts, {
    budget: proposal?.budget ?? null,
    roundTimeout: proposal?.roundTimeout ?? null,
  });
}

/** The checks as lines, each fault and each warning with its remedy below it. */
export function describe(checks: readonly Check[], role: string | null): string {
  const width = Math.max(...checks.map((check) => check.name.length)) + 2;
  const warns = ({ ok, remedy }: Check) => ok === true && remedy !== undefined;
  const mark = (check: Check) =>
    check.ok === null ? "–   " : warns(check) ? "warn" : check.ok ? "ok  " : "FAIL";
  const lines = checks.flatMap((check) => {
    const { name, detail, remedy } = check;
    return [
      `${mark(check)}  ${name.padEnd(width)}${detail}`,
      ...remedy === undefined ? [] : [`${" ".repeat(6 + width)}→ ${remedy}`],
    ];
  });
  const wrong = checks.filter((check) => check.ok === false).length;
  const warnings = checks.filter(warns).length;
  const unseen = checks.filter((check) => check.ok === null).length;
  lines.push(
    "",
    (wrong === 0 ? "nothing wrong" : `${wrong} of ${plural(checks.length, "check")} failed`) +
      (warnings === 0 ? "" : `, ${plural(warnings, "warning")}`) +
      (unseen === 0 ? "" : `, ${unseen} not made`) +
      (role === null ? "; only the machine was looked at: add --silo NAME or --aggregator" : ""),
  );
  return lines.join("\n");
}
