/** Roles as processes of their own that die of SIGKILL at named points and are started again. */
import { fileURLToPath } from "node:url";
import { assertEquals } from "@std/assert";
import { childFlags, linesOf } from "./child.ts";
import type { RoleSpec } from "./fake_federation.ts";

const PROGRAM = fileURLToPath(new URL("./fake_federation.ts", import.meta.url));

export type Kill = NonNullable<RoleSpec["kill"]>;

export const at = (point: string, nth = 1): Kill => ({ point, nth });

/** A process that waits to be told which role it runs. */
export async function startProcess(): Promise<Deno.ChildProcess> {
  const args = ["run", "-A", ...await childFlags(), PROGRAM];
  const streams = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
  return new Deno.Command(Deno.execPath(), { args, ...streams }).spawn();
}

/** Tells it. */
export async function startRole(process: Deno.ChildProcess, spec: RoleSpec): Promise<void> {
  await ReadableStream.from([new TextEncoder().encode(JSON.stringify(spec))]).pipeTo(process.stdin);
}

/** One role in processes that follow each other. */
export class Mortal<T> {
  /** Where its processes killed themselves. */
  readonly killed: string[] = [];
  /** `round silo` of every update that it said it counted. */
  readonly counted: string[] = [];
  readonly result: Promise<T>;
  #child: Deno.ChildProcess | null = null;

  /** @param options `kills`: where each life in turn ends; `onRow` hears of every row that a life opens. */
  constructor(spec: RoleSpec, options: { kills: readonly Kill[]; onRow?: (round: number) => void }) {
    this.result = this.#live(spec, options);
  }

  /** SIGKILL from outside, whatever it is doing. */
  kill(): void {
    this.killed.push("outside");
    this.#child!.kill("SIGKILL");
  }

  async #live(
    spec: RoleSpec,
    { kills, onRow }: { kills: readonly Kill[]; onRow?: (round: number) => void },
  ): Promise<T> {
    for (let life = 0;; life++) {
      this.#child = await startProcess();
      await startRole(this.#child, { ...spec, kill: kills[life] });
      const errors = new Response(this.#child.stderr).text();
      let result: T | undefined;
      for await (const line of linesOf(this.#child.stdout)) {
        if (line.startsWith("killed at ")) this.killed.push(line.slice("killed at ".length));
        if (!line.startsWith("{")) continue;
        const { type, round, silo, result: value } = JSON.parse(line);
        if (type === "row") onRow?.(round);
        if (type === "update_counted") this.counted.push(`${round} ${silo}`);
        result = value ?? result;
      }
      const { code, signal } = await this.#child.status;
      if (signal === "SIGKILL") continue;
      assertEquals(code, 0, await errors);
      return result!;
    }
  }
}

/** Runs the role as a process, killed at each point in turn and started again; returns where it was killed. */
export async function runKilled<T>(spec: RoleSpec, kills: Kill[]): Promise<{ killed: string[]; result: T }> {
  const role = new Mortal<T>(spec, { kills });
  return { result: await role.result, killed: role.killed };
}
