/**
 * Lies that an aggregator tells a silo one after another: at each the silo's process is killed as it is told, and the
 * silo started again meets the same lie.
 */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ProtocolError } from "../../src/fed/protocol/errors.ts";
import {
  type Plan,
  planId,
  type RoundSettings,
  type RunView,
  type Stretch,
} from "../../src/fed/protocol/messages.ts";
import { type RoleSpec, runRole } from "../testing/fake_federation.ts";
import { startProcess, startRole } from "../testing/killed.ts";
import { type Lie, startLiar } from "./liar.ts";

/** What is told, what the silo says to it, and what of its answers it must not have sent when it ends. */
export interface Deviation {
  lie: Lie;
  refusal: RegExp;
  /** How many scores the silo sends before: those of honest rounds on the way. */
  scores: number;
  /** The point at which the silo is killed first, told the truth; it meets the lie when it is started again. */
  killedAt?: string;
}

/** Limits of a run in which one silo has all the time that its lives take. */
export const PATIENT = { silence: 600, proposal: { roundTimeout: 600 } };

/** Changes the plan, once there is one. */
export function withPlan(view: RunView, change: (plan: Plan) => Partial<Plan>): RunView {
  if (view.plan === null) return view;
  const plan = { ...view.plan, ...change(view.plan) };
  return { ...view, plan, planId: planId(plan) };
}

/** Changes the row of a round. */
export function withRow(
  view: RunView,
  round: number,
  change: (row: RoundSettings) => Partial<RoundSettings>,
): RunView {
  return view.row?.round === round ? { ...view, row: { ...view.row, ...change(view.row) } } : view;
}

/** Changes every silo's stretch of a round. */
export function withStretch(view: RunView, round: number, change: (stretch: Stretch) => Stretch): RunView {
  const changed = ({ silos }: RoundSettings) =>
    Object.fromEntries(Object.entries(silos).map(([name, stretch]) => [name, change(stretch)]));
  return withRow(view, round, (row) => ({ silos: changed(row) }));
}

/** Tells silo a each lie in turn, in a run whose other roles are there. */
export async function meetLies(
  t: Deno.TestContext,
  deviations: Record<string, Deviation>,
  spec: Omit<RoleSpec, "role">,
): Promise<void> {
  await using liar = await startLiar({ ...spec, silo: "a" });
  const a = { ...spec, port: liar.port, role: "a" };
  let next = await startProcess();
  /** A life of a process that ends by SIGKILL; the next one gets ready meanwhile. */
  const life = async (kill: RoleSpec["kill"], lie: Lie) => {
    const child = next;
    Object.assign(liar, { lie, onLie: () => child.kill("SIGKILL") });
    await startRole(child, { ...a, kill });
    next = await startProcess();
    const { signal, stderr } = await child.output();
    Object.assign(liar, { onLie: () => {} });
    assertEquals(signal, "SIGKILL", new TextDecoder().decode(stderr));
  };
  for (const [what, { lie, refusal, scores, killedAt }] of Object.entries(deviations)) {
    await t.step(what, async () => {
      if (killedAt !== undefined) await life({ point: killedAt, nth: 1 }, (view) => view);
      liar.said.length = 0;
      await life(undefined, lie);
      const error = await assertRejects(() => runRole(a), ProtocolError);
      assert(["not_agreed", "other_run", "bad_answer"].includes(error.code), error.code);
      assertMatch(error.message, refusal);
      assertMatch(error.message, /remedy: /);
      const answers = liar.said.filter(({ path }) => path.endsWith("/scores")).map(({ body }) => body);
      assertEquals(new Set(answers).size, scores);
      assert(!answers.some((body) => body.includes('"test":{"auroc')), "test scores");
    });
  }
  next.kill("SIGKILL");
  await Promise.all([next.stdin.close(), next.output()]);
}
