/** A federation whose roles a test starts and stops one by one, under a clock that it moves. */
import type { FedEvent } from "../../src/fed/protocol/event.ts";
import type { FaultPoint } from "../../src/fed/protocol/fault_point.ts";
import type { AggregatorResult, SiloResult } from "../../src/fed/training/result.ts";
import { type RoleOptions, type RoleSpec, runRole } from "./fake_federation.ts";
import { freePort } from "./free_port.ts";
import { StillClock } from "./still_clock.ts";

type EventOf<T extends FedEvent["type"]> = Extract<FedEvent, { type: T }>;

/** One run; its aggregator tells the test everything. */
export class SteppedRun {
  readonly spec: Omit<RoleSpec, "role">;
  readonly clock = new StillClock();
  readonly events: FedEvent[] = [];
  readonly #watches: (() => void)[] = [];

  constructor(dir: string, changes: Partial<RoleSpec>) {
    this.spec = { dir, port: freePort(), heartbeat: 0.05, ...changes };
  }

  hub(
    options: { signal?: AbortSignal; without?: string[]; replay?: string } = {},
  ): Promise<AggregatorResult> {
    const onEvent = (event: FedEvent) => {
      this.events.push(event);
      for (const look of [...this.#watches]) look();
    };
    const { clock } = this;
    const { without, replay, ...rest } = options;
    return runRole({ ...this.spec, without, replay, role: "aggregator" }, {
      clock,
      ...rest,
      onEvent,
    }) as Promise<
      AggregatorResult
    >;
  }

  silo(
    role: string,
    options: Partial<RoleSpec> & Pick<RoleOptions, "signal" | "onFault" | "onEvent" | "accept" | "fails"> =
      {},
  ): Promise<SiloResult> {
    const { signal, onFault, onEvent, accept, fails, ...changes } = options;
    return runRole({ ...this.spec, ...changes, role }, {
      signal,
      onFault,
      onEvent,
      accept,
      fails,
    }) as Promise<
      SiloResult
    >;
  }

  /** For `onFault`: the silo begins its nth turn once the aggregator has told something. */
  turnAfter<T extends FedEvent["type"]>(
    nth: number,
    type: T,
    where?: (event: EventOf<T>) => boolean,
  ): FaultPoint {
    let turn = 0;
    return async (name) => {
      if (name === "training" && ++turn === nth) await this.when(type, where);
    };
  }

  of<T extends FedEvent["type"]>(type: T): EventOf<T>[] {
    return this.events.filter((event): event is EventOf<T> => event.type === type);
  }

  /** Resolves once the aggregator has told something. */
  async when<T extends FedEvent["type"]>(type: T, where: (event: EventOf<T>) => boolean = () => true) {
    await new Promise<void>((resolve) => {
      const look = () => this.of(type).some(where) && resolve();
      this.#watches.push(look);
      look();
    });
  }

  /** Resolves once these silos' updates of a round count. */
  async counted(round: number, silos: string): Promise<void> {
    for (const silo of silos) await this.when("update_counted", (e) => e.silo === silo && e.round === round);
  }

  /** Lets time pass until the aggregator has told something. */
  async passUntil(type: FedEvent["type"]): Promise<void> {
    while (this.of(type).length === 0) {
      this.clock.pass(10);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Lets a silo that has gone be lost: time passes in which the others say something. */
  async lose(silo: string): Promise<void> {
    while (!this.of("lost").some((event) => event.silo === silo)) {
      this.clock.pass(15);
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }
}
