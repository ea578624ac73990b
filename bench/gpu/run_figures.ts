/**
 * The figures of a federation, worked out from the events of its aggregator as they come: what each silo computes on and
 * how fast, how long a round takes, what it moves, and whether all took part in it.
 */
import type { FedEvent } from "../../src/fed/protocol/event.ts";
import { median } from "../../src/fed/maths/median.ts";
import { stepsOf } from "../../src/fed/maths/stretch.ts";
import type { Figure } from "../../tools/gpu/figures.ts";

/** A figure whose group is not yet said. */
export type Measured = Omit<Figure, "group">;

type Row = Extract<FedEvent, { type: "row" }>["row"];

/** The run that is followed. */
interface Followed {
  silos: readonly string[];
  /** "cpu" or "cuda". */
  device: string;
  batch: number;
  /** Milliseconds that only grow. @default performance.now */
  clock?: () => number;
}

/** Follows one run. */
export class RunFigures {
  readonly #options: Required<Followed>;
  readonly #train = new Map<string, number>();
  readonly #imagesPerSecond = new Map<string, number[]>();
  readonly #skipped = new Map<string, number>();
  readonly #counted = new Set<string>();
  readonly #bytes: number[] = [];
  readonly #seconds: number[] = [];
  #row: Row | null = null;
  #moved = 0;
  #listening = 0;

  constructor(options: Followed) {
    this.#options = { clock: () => performance.now(), ...options };
  }

  /** What an event makes known. */
  take(event: FedEvent): Measured[] {
    switch (event.type) {
      case "listening":
        this.#listening = this.#options.clock();
        return [];
      case "joined":
        return this.#join(event);
      case "row":
        this.#row = event.row;
        this.#moved = 0;
        return [];
      case "pulled":
      case "uploaded":
        this.#moved += event.bytes;
        return [];
      case "scored":
        this.#addTurn(event);
        return [];
      case "update_counted":
        this.#counted.add(`${event.round} ${event.silo}`);
        return [];
      case "committed":
        this.#bytes.push(this.#moved);
        this.#seconds.push(event.seconds);
        return [{ name: `round ${event.round}`, value: rounded(event.seconds), unit: "s" }];
      default:
        return [];
    }
  }

  /** A silo that joins a second time was killed and started again. */
  #join({ silo, registration: { device, splits } }: Extract<FedEvent, { type: "joined" }>): Measured[] {
    const again = this.#train.has(silo);
    this.#train.set(silo, splits.train.images);
    const name = `device that silo ${silo} says`;
    if (!again) {
      // Libraries opened, kernels chosen, a few steps timed: what a hospital waits for at each start.
      const after = rounded((this.#options.clock() - this.#listening) / 1000);
      return [
        { name: `silo ${silo} had joined after`, value: after, unit: "s" },
        deviceFigure(name, device, this.#options),
      ];
    }
    return [
      { name: `silo ${silo} came back in round`, value: this.#row?.round ?? 0 },
      deviceFigure(`${name}, back again`, device, this.#options),
    ];
  }

  /** How fast a silo trained its part of the row, and what of it counted. */
  #addTurn({ silo, round, scores }: Extract<FedEvent, { type: "scored" }>): void {
    const train = this.#train.get(silo), seconds = scores.seconds?.train;
    this.#skipped.set(silo, (this.#skipped.get(silo) ?? 0) + (scores.skipped ?? 0));
    if (train === undefined || seconds === undefined || this.#row?.round !== round) return;
    const { batch } = this.#options;
    const images = stepsOf(this.#row.silos[silo], { train, batch }).steps * batch;
    this.#imagesPerSecond.set(silo, [...this.#imagesPerSecond.get(silo) ?? [], images / seconds]);
  }

  /** What is known at the end, of a run that was to have `rounds` rounds. */
  end(rounds: number): Measured[] {
    const { silos } = this.#options;
    const done = this.#seconds.length;
    const whole = Array.from({ length: done }, (_, i) => i + 1)
      .filter((round) => silos.every((silo) => this.#counted.has(`${round} ${silo}`)));
    return [
      { name: "rounds done", value: done, bound: String(rounds), ok: done === rounds },
      {
        name: "rounds with every silo's update",
        value: whole.length,
        bound: String(done),
        ok: whole.length === done,
      },
      { name: "a round, median", ...known(this.#seconds), unit: "s" },
      {
        name: "moved in a round, median",
        ...known(this.#bytes.map((bytes) => bytes / 2 ** 20)),
        unit: "MiB",
      },
      ...silos.map((silo) => ({
        name: `training, silo ${silo}, median`,
        ...known(this.#imagesPerSecond.get(silo) ?? []),
        unit: "images/s",
      })),
      ...silos.map((silo) => ({
        name: `steps skipped, silo ${silo}`,
        value: this.#skipped.get(silo) ?? null,
      })),
    ];
  }
}

/** Where a silo computes, as it says itself; a GPU that is asked for and not used is a failure. */
export function deviceFigure(name: string, said: string, { device }: { device: string }): Measured {
  const ok = said.split(" ")[0] === device;
  return { name, value: said, bound: device, ok, ...ok ? {} : { reason: `asked for ${device}` } };
}

function known(values: readonly number[]): Pick<Measured, "value" | "reason"> {
  return values.length === 0
    ? { value: null, reason: "no round was done" }
    : { value: rounded(median(values)) };
}

/** Four significant digits. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
