import { readTextIfThere } from "../../files/exists.ts";
import { writeOutput } from "../output/check_output.ts";
import type { Values } from "../options/commands.ts";
import { hasSection } from "../options/config.ts";
import type { Context } from "../main.ts";
import { UsageError } from "../options/parse.ts";

/** The aggregator's file; every key is there, those with a default as a comment. */
export const AGGREGATOR_FILE =
  `# Settings of \`fedx aggregate\`; flags override them. Paths are relative to this file.
[run]
silos = ["a", "b", "c"]        # the hospitals invited, by the names in their certificates
listen = "0.0.0.0:8443"
tls = "tls-hub"                # from: fedx ca issue hub --role aggregator --host … --ca ca --out tls-hub
# state = "fedx-state/aggregator"

budget = "20m"                 # wall clock of the whole run; or: rounds = 10
# local_epochs = 1             # passes over a hospital's training images per round

# network = "efficientnet_b0"
size = 128                     # side of the images in pixels: \`fedx prepare --size\` must be the same
# channels = 1
# init = "imagenet"            # or "random", or a file
# weights = "efficientnet_b0.pth"  # torchvision's file, where you have it
# recipe = "default"           # or "deck"
# lr = 0.001
# batch = 32
# augment = false
# bn = "average"               # or "frozen"
# seed = 0

# max_share = 0.8              # most of all training images that one hospital may have; default with three or more
# quorum = 2                   # hospitals that are enough at a timeout; default: all
# round_timeout = "1h"         # default: 3 times the median round, at least 10m; the first round 1h
# join_timeout = "1h"          # for joining, and for coming back below the quorum
`;

/** One silo's file. */
export function siloFile(name: string): string {
  return `# Settings of \`fedx train --silo ${name}\`; flags override them. Paths are relative to this file.
[silo.${name}]
server = "https://127.0.0.1:8443"  # the aggregator's address
tls = "tls-${name}"                # from: fedx ca issue ${name} --role silo --ca ca --out tls-${name}
shard = "shard-${name}"            # from: fedx prepare … --out shard-${name}
# state = "fedx-state/${name}"
# device = "auto"
# threads = 2                   # default: the cores this process may use
# wait = "1h"                   # how long to retry an aggregator out of reach
# accept = { recipes = ["default"], networks = ["efficientnet_b0"], max_rounds = 100, min_train_patients = 50 }
`;
}

/** Writes a commented settings file, or adds the section that one lacks. */
export async function run({ values, output }: Context<Values<"init">>): Promise<void> {
  const silo = values.silo;
  if (silo !== undefined && !/^[A-Za-z0-9_-]+$/.test(silo)) {
    throw new UsageError(
      `Cannot use the name ${
        JSON.stringify(silo)
      }: expected letters, digits, _ and -; choose another --silo.`,
    );
  }
  const own = silo === undefined ? AGGREGATOR_FILE : siloFile(silo);
  const before = values.force ? "" : await readTextIfThere(values.out) ?? "";
  if (before !== "" && hasSection(before, { file: values.out, silo })) {
    const section = silo === undefined ? "[run]" : `[silo.${silo}]`;
    throw new Error(
      `Cannot write ${values.out}: expected none or one without ${section}, got one with it; ` +
        "name another with --out or overwrite the whole file with --force.",
    );
  }
  const text = before === "" ? own : `${before.trimEnd()}\n\n${own}`;
  hasSection(text, { file: values.out }); // an inline `silo = {…}` takes no further section
  await writeOutput(values.out, text);
  const next = silo === undefined ? "fedx aggregate" : `fedx train --silo ${silo}`;
  output.result({ file: values.out }, `${values.out} written; fill it in, then run: ${next}`);
}
