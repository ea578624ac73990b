// Why: the file that `fedx init` writes shows every key that there is, so it is made of the table.
import { ACCEPT_SAMPLE } from "./accept.ts";
import { COMMANDS } from "./commands.ts";
import { choicesOf } from "./help.ts";
import { type Command, inFile, keyOf, type Option, type Table } from "./option.ts";

/**
 * The section that `aggregate` reads, or `train` of one silo: what is to be filled in, then the rest as comments.
 *
 * @param options.values what is filled in already, by name @default the samples
 * @param options.accept the line that says what the silo takes part in @default a sample, as a comment
 */
export function initFile(
  options: { silo?: string; commands?: Table; values?: Record<string, string>; accept?: string },
): string {
  const { silo, commands = COMMANDS, values = {}, accept = `# ${ACCEPT_SAMPLE}` } = options;
  const section = silo === undefined ? "run" : "silo";
  const [name, command] = Object.entries(commands).find(([, command]) => command.section === section)!;
  const lines = inFile(command).map(([key, option]) => ({
    set: option.fill === true,
    code: `${option.fill ? "" : "# "}${keyOf(key)} = ${
      valueOf({ ...option, sample: values[key] ?? option.sample }, silo)
    }`,
    note: `# ${noteOf(key, option, command)}`,
  }));
  const width = Math.max(...lines.map(({ code }) => code.length)) + 2;
  const written = (set: boolean) =>
    lines.filter((line) => line.set === set).map(({ code, note }) => `${code.padEnd(width)}${note}`);
  const header = silo === undefined ? "run" : `silo.${/^[\w-]+$/.test(silo) ? silo : JSON.stringify(silo)}`;
  return [
    `# Settings of \`fedx ${name}${silo === undefined ? "" : ` --silo ${silo}`}\`; flags override them. ` +
    "Paths are relative to this file.",
    `[${header}]`,
    ...written(true),
    "",
    ...written(false),
    ...silo === undefined ? [] : [accept],
    "",
  ].join("\n");
}

/** The sample, else the default, as TOML writes it. */
function valueOf(option: Option, silo: string | undefined): string {
  const value = option.sample ?? option.default;
  if (Array.isArray(value)) return `[${value.map((one) => JSON.stringify(one)).join(", ")}]`;
  return JSON.stringify(typeof value === "string" ? value.replace("NAME", silo ?? "NAME") : value);
}

/** What the key means, and what may stand in its place. */
function noteOf(key: string, option: Option, command: Command): string {
  const others = [...command.either ?? [], ...command.apart ?? []].filter((group) => group.includes(key))
    .flat()
    .filter((other) => other !== key && !command.options[other].flagOnly);
  return [choicesOf(option), ...others.map((other) => `or: ${keyOf(other)}`)].join("; ");
}
