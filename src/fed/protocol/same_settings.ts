/**
 * Whether a run that is started again has the settings that it began with.
 *
 * Why options: an operator reads what to type, as it is typed, and not what the program calls it.
 */
import { jpeg2000Of } from "../../kernel.ts";
import { ANY_FINDING } from "../../label_rule.ts";
import { ProtocolError } from "./errors.ts";
import { differences, type Proposal } from "./proposal.ts";

const orNone = (option: string, value: number | null, written: (value: number) => string = String) =>
  value === null ? `no ${option}` : `${option} ${written(value)}`;

/** How settings are typed, by their path or how that begins. */
const OPTIONS: Record<string, (proposal: Proposal) => string> = {
  network: ({ network }) => `--network ${network}`,
  size: ({ size }) => `--size ${size}`,
  channels: ({ channels }) => `--channels ${channels}`,
  "preprocessing.kernel": ({ preprocessing: { kernel } }) => `--jpeg2000 ${jpeg2000Of(kernel) ?? kernel}`,
  preprocessing: ({ channels }) => `--channels ${channels}`,
  labelRule: ({ labelRule }) => writtenRule(labelRule),
  recipe: ({ recipe }) => `--recipe ${recipe.name}`,
  "recipe.lr": ({ recipe }) => `--lr ${recipe.lr}`,
  "recipe.batch": ({ recipe }) => `--batch ${recipe.batch}`,
  "recipe.bn": ({ recipe }) => `--bn ${recipe.bn}`,
  "recipe.augment": ({ recipe }) => recipe.augment.flip ? "--augment" : "--no-augment",
  "recipe.localEpochs": ({ localEpochs }) => `--local-epochs ${localEpochs}`,
  localEpochs: ({ localEpochs }) => `--local-epochs ${localEpochs}`,
  seed: ({ seed }) => `--seed ${seed}`,
  rounds: ({ rounds }) => orNone("--rounds", rounds),
  budget: ({ budget }) => orNone("--budget", budget, writtenDuration),
  silos: ({ silos }) => `--silos ${silos.join(",")}`,
  flower: ({ flower }) =>
    flower.length === 0 ? "no site with Flower" : `sites with Flower ${flower.join(",")}`,
  quorum: ({ quorum }) => `--quorum ${quorum}`,
  masked: ({ masked }) => masked === null ? "--unmasked" : "--masked",
  "masked.minCohort": ({ masked }) => `--min-cohort ${masked?.minCohort}`,
  "masked.rosterChanges": ({ masked }) => `--roster-changes ${masked?.rosterChanges}`,
  roundTimeout: ({ roundTimeout }) => orNone("--round-timeout", roundTimeout, writtenDuration),
  joinTimeout: ({ joinTimeout }) => `--join-timeout ${writtenDuration(joinTimeout)}`,
  init: ({ init }) => `--init: ${init.source} (weights ${init.sha256.slice(0, 12)})`,
};

/** @throws {ProtocolError} `other_proposal` unless both are equal, naming the options that differ with both values. */
export function checkSame(stored: Proposal, given: Proposal): void {
  const paths = differences(stored, given).map(([path]) => path);
  if (paths.length === 0) return;
  const own = paths.filter((path) => !isFollowed(path, stored, given));
  const typed = (proposal: Proposal, other: Proposal) =>
    [...new Set(own.map((path) => textOf(path, proposal, other)))].join(" ").slice(0, 300);
  throw new ProtocolError("other_proposal", {
    expected: typed(stored, given),
    got: typed(given, stored),
  });
}

/** Whether a setting differs only since another one, which is named, does. */
function isFollowed(path: string, a: Proposal, b: Proposal): boolean {
  if (path === "quorum") return [a, b].every(({ quorum, silos }) => quorum === silos.length);
  const otherPreset = a.recipe.name !== b.recipe.name;
  if (path === "recipe.lr") return otherPreset || a.silos.length > 1 !== b.silos.length > 1;
  if (path === "recipe.batch" || path.startsWith("recipe.augment")) return otherPreset;
  return path.startsWith("init.") && a.seed !== b.seed && a.init.kind === b.init.kind &&
    a.init.kind !== "file";
}

/** What was typed for a setting; its own name and value where the option is the same on both sides. */
function textOf(path: string, proposal: Proposal, other: Proposal): string {
  const option = optionOf(path);
  const text = option?.(proposal);
  return text === undefined || text === option?.(other) ? inner(proposal, path) : text;
}

/** The option of a path, the longest that it begins with. */
function optionOf(path: string) {
  const parts = path.split(".");
  for (let count = parts.length; count > 0; count--) {
    const option = OPTIONS[parts.slice(0, count).join(".")];
    if (option !== undefined) return option;
  }
}

/** What no option says: another fedx, or a program of its own, has set it. */
function inner(proposal: Proposal, path: string): string {
  const value = path.split(".").reduce<unknown>(
    (at, key) => (at as Record<string, unknown>)?.[key],
    proposal,
  );
  return `${path} ${JSON.stringify(value)}`;
}

/** A label rule as options say it; quoted where a shell would take a character of a name for its own. */
function writtenRule(rule: string): string {
  if (rule === ANY_FINDING) return "any finding";
  const [, kind, names] = /^(.*?):(.*)$/s.exec(rule)!;
  const typed = /^[\w,:./-]+$/.test(names) ? names : `'${names.replaceAll("'", `'\\''`)}'`;
  return `--${kind} ${typed}`;
}

/** Seconds as an option takes them: `90s`, `20m`, `1h30m`. */
export function writtenDuration(seconds: number): string {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const rest = Number((seconds - hours * 3600 - minutes * 60).toFixed(3));
  const parts = [[hours, "h"], [minutes, "m"], [rest, "s"]] as const;
  return parts.filter(([count]) => count > 0).map((part) => part.join("")).join("") || "0s";
}
