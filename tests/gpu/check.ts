/** A check of the stage `right`: a test that also writes each figure that it took, and the bound that it keeps or breaks. */
import { AssertionError } from "@std/assert";
import { type Figure, figure } from "../../tools/gpu/figures.ts";
import { atMost, type BoundName, BOUNDS } from "./bounds.ts";
import type { Place } from "./place.ts";

/** What a check says as it goes; nothing of it ends the check, which fails at its end if a promise was broken. */
export interface Say {
  /**
   * A figure that must be at most its bound.
   *
   * @param options.of of what, where that was found out
   * @param options.times the bound is this many times as large @default 1
   */
  keeps(bound: BoundName, value: number, options?: { of?: string; times?: number }): void;
  /** A promise that is kept or broken. @param why what was seen instead, where it is broken */
  holds(name: string, kept: boolean, why?: string): void;
  /** A figure that nothing is promised of. */
  notes(name: string, value: number | string, unit?: string): void;
  /** What only a GPU has. */
  onlyOnGpu(name: string): void;
}

/** Names a check; its figures stand under `group`. */
export interface CheckName {
  group: string;
  name: string;
}

/** Defines the test; it is skipped where there is no place for it. */
export function check(
  place: Place | null,
  { group, name }: CheckName,
  body: (place: Place, say: Say) => Promise<void>,
): void {
  Deno.test({
    name: `GPU, ${group}: ${name}`,
    ignore: place === null,
    fn: async () => {
      const broken: string[] = [];
      const say = sayer((one) => {
        figure({ group, ...one });
        if (one.ok === false) {
          broken.push(`${one.name}: expected ${one.bound ?? "yes"}, got ${one.reason ?? one.value}`);
        }
      });
      try {
        await body(place!, say);
      } catch (error) {
        figure({ group, name, value: null, ok: false, reason: String(error) });
        throw error;
      }
      if (broken.length > 0) throw new AssertionError(broken.join("\n"));
    },
  });
}

function sayer(write: (figure: Omit<Figure, "group">) => void): Say {
  return {
    keeps(name, value, { of, times = 1 } = {}) {
      const bound = BOUNDS[name], ok = value <= bound.most * times;
      const reason = of === undefined ? {} : { reason: of };
      write({ name: bound.check, value, bound: atMost(bound, times), ok, ...reason });
    },
    holds(name, kept, why) {
      write({
        name,
        value: kept ? "yes" : "no",
        ok: kept,
        ...kept || why === undefined ? {} : { reason: why },
      });
    },
    notes: (name, value, unit) => write({ name, value, ...unit === undefined ? {} : { unit } }),
    onlyOnGpu: (name) => write({ name, value: null, reason: "only on a GPU" }),
  };
}
