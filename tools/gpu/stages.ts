/** The stages of `task gpu`: what each is for, how long it may take, and the program in the archive that does it. */
import { refusal } from "../../src/refusal.ts";

/** One stage. */
export interface Stage {
  name: string;
  /** What it does, in a few words. */
  what: string;
  /** The program, from the archive's root. */
  program: string;
  /** A script and a file of tests run on Deno. */
  kind: "script" | "tests" | "python";
  /** Seconds after which it is killed; in a rehearsal it may have two slow cores that it shares. */
  limit: { gpu: number; rehearsal: number };
}

/** In the order in which they run; on a GPU their limits are five minutes in all. */
export const STAGES: readonly Stage[] = [
  {
    name: "machine",
    what: "what is there; the engine, built for it",
    ...{ program: "gpu/machine.js", kind: "script", limit: { gpu: 70, rehearsal: 600 } },
  },
  {
    name: "right",
    what: "GPU against CPU, graph against eager, fp16",
    ...{ program: "gpu/right.js", kind: "tests", limit: { gpu: 55, rehearsal: 300 } },
  },
  {
    name: "fast",
    what: "training and scoring beside PyTorch",
    ...{ program: "gpu/fast.py", kind: "python", limit: { gpu: 100, rehearsal: 300 } },
  },
  {
    name: "real",
    what: "three silos on the one card, one of them killed",
    ...{ program: "gpu/real.js", kind: "script", limit: { gpu: 45, rehearsal: 300 } },
  },
  {
    name: "memory",
    what: "fp16 beside fp32",
    ...{ program: "gpu/memory.py", kind: "python", limit: { gpu: 30, rehearsal: 200 } },
  },
];

/** Builds the engine that the others need. */
export const FIRST = "machine";

/**
 * The stages that `--only` names, in their own order; the first one runs always, and builds nothing where the engine is up to
 * date.
 *
 * @throws {TypeError} it names one that there is not
 */
export function chosen(only: string | undefined, stages: readonly Stage[] = STAGES): readonly Stage[] {
  if (only === undefined) return stages;
  const names = only.split(",").map((name) => name.trim());
  const known = stages.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw refusal(TypeError, {
      what: "Cannot run --only",
      expected: `some of ${known.join(",")}`,
      got: unknown === "" ? "an empty name" : unknown,
    });
  }
  return stages.filter(({ name }) => name === FIRST || names.includes(name));
}
