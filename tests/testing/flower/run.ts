/**
 * Runs of apps on a SuperLink. `flwr run --stream` ends with 0 even where the ServerApp raised, so the
 * SuperLink is asked afterwards what became of the run.
 */
import type { FlowerEnvironment } from "./environment.ts";
import { runFlower } from "./process.ts";

/** The name of the SuperLink in the configuration that `flwr` reads. */
export const CONNECTION = "fedx";

/** What a run may say in place of the values in the app's pyproject.toml. */
export type RunConfig = Readonly<Record<string, string | number | boolean>>;

/** What a run left. */
export interface FlowerRun {
  /** 0 where every part of it succeeded: `flwr run` itself and the ServerApp. */
  code: number;
  /** Such as finished:completed or finished:failed; refused: it never began; unknown: flwr was cut off. */
  status: string;
  /** What `flwr run --stream` printed: the ServerApp's log. */
  output: string;
}

/**
 * Runs the app in a folder to its end.
 * @param options `seconds`: when to give up, though the run goes on until its SuperLink stops @default 300
 */
export async function runApp(
  app: string,
  options: { environment: FlowerEnvironment; folder: string; config?: RunConfig; seconds?: number },
): Promise<FlowerRun> {
  const { environment, folder, config = {}, seconds = 300 } = options;
  const file = await Deno.makeTempFile({ dir: folder, prefix: "run-", suffix: ".toml" });
  const lines = Object.entries(config).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`);
  await Deno.writeTextFile(file, lines.join(""));
  const given = lines.length === 0 ? [] : ["--run-config", file];
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), seconds * 1000);
  const command = ["flwr", "run", app, CONNECTION, "--stream", ...given];
  const { code, output } = await runFlower(command, { environment, folder, signal: late.signal });
  clearTimeout(timer);
  if (late.signal.aborted) {
    throw new Error(`Cannot run ${app}: expected an end in ${seconds} s, got ${output}`);
  }
  const id = /started run (\d+)/.exec(output)?.[1];
  if (id === undefined) return { code: code || 1, status: "refused", output };
  if (code !== 0) return { code, status: "unknown", output };
  const status = await statusOf(id, { environment, folder });
  return { code: status === "finished:completed" ? 0 : 1, status, output };
}

async function statusOf(
  id: string,
  options: { environment: FlowerEnvironment; folder: string },
): Promise<string> {
  const command = ["flwr", "list", CONNECTION, "--run-id", id, "--format", "json"];
  const { output } = await runFlower(command, options);
  const status = /"status": "([^"]+)"/.exec(output)?.[1];
  if (status === undefined) throw new Error(`Cannot read run ${id}: expected its status, got ${output}`);
  return status;
}
