// Why: starting one command must not load the code of the others, so each is imported when it is asked for.
import type { Context } from "./context.ts";
import type { CommandName, COMMANDS } from "./options/commands.ts";
import type { Command } from "./options/option.ts";

/** The code of every command, and nothing else that it must be known by: its options are in the table. */
const CODE: {
  [N in CommandName]: () => Promise<
    { run: (context: Context<typeof COMMANDS[N]>) => Promise<number | void> }
  >;
} = {
  demo: () => import("./commands/demo.ts"),
  init: () => import("./commands/init.ts"),
  prepare: () => import("./commands/prepare.ts"),
  forget: () => import("./commands/forget.ts"),
  "ca init": () => import("./commands/ca/init.ts"),
  "ca issue": () => import("./commands/ca/issue.ts"),
  "ca request": () => import("./commands/ca/request.ts"),
  "ca sign": () => import("./commands/ca/sign.ts"),
  "ca revoke": () => import("./commands/ca/revoke.ts"),
  "kit make": () => import("./commands/kit/make.ts"),
  "flower enrol": () => import("./commands/flower/enrol.ts"),
  aggregate: () => import("./commands/aggregate.ts"),
  train: () => import("./commands/train.ts"),
  peers: () => import("./commands/peers.ts"),
  local: () => import("./commands/local.ts"),
  evaluate: () => import("./commands/evaluate.ts"),
  predict: () => import("./commands/predict.ts"),
  networks: () => import("./commands/networks.ts"),
  compare: () => import("./commands/compare.ts"),
  doctor: () => import("./commands/doctor.ts"),
  status: () => import("./commands/status.ts"),
  "audit verify": () => import("./commands/audit/verify.ts"),
  version: () => import("./commands/version.ts"),
};

/**
 * Runs a command to its end and returns its exit code.
 *
 * @param context with the values that the command's row of the table makes of the command line
 */
export async function call(
  name: string,
  context: Omit<Context<Command>, "values"> & { values: Record<string, unknown> },
): Promise<number> {
  const { run } = await CODE[name as CommandName]();
  return await run(context as Context<never>) ?? 0;
}
