import { assertEquals, assertThrows } from "@std/assert";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { checkSteps, countSteps } from "../../../src/fed/maths/skipped.ts";

const checkSkipped = (skipped: boolean[]) => checkSteps(countSteps(skipped));
const steps = (count: number, skipped: (step: number) => boolean) =>
  Array.from({ length: count }, (_, step) => skipped(step));

Deno.test("checkSteps lets the search for a loss scale pass, few steps or none, and up to a half", () => {
  checkSkipped([]);
  checkSkipped(steps(3, () => false));
  checkSkipped(steps(40, (step) => step < 39)); // one step, after a long search
  checkSkipped(steps(19, (step) => step > 0));
  checkSkipped(steps(40, (step) => step % 2 === 1));
  checkSkipped(steps(60, (step) => step < 30 || step % 3 === 1));
});

Deno.test("checkSteps refuses a turn without a step, and over half of 20 steps after the search", () => {
  const refused = (skipped: boolean[], text: string) => {
    const error = assertThrows(() => checkSkipped(skipped), ProtocolError, text);
    assertEquals(error.code, "steps_skipped");
  };
  refused(steps(5, () => true), "not finite in all 5");
  refused(steps(20, (step) => step >= 9), "at most half of 20");
  refused(steps(50, (step) => step < 30 || step > 38), "at most half of 20");
  refused(steps(40, (step) => step % 4 !== 0), "at most half of 40 steps without a finite gradient, got 30");
});
