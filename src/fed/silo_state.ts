/**
 * What a silo must not forget: the run it belongs to, the update of the round under way, what it has done.
 *
 * A silo is stateless between rounds; the one update it keeps is what spares a restarted silo the training
 * and makes it send the very same bytes again.
 */
import { fileDigest } from "./files.ts";
import type { Scores } from "./protocol.ts";
import type { SiloResult } from "./result.ts";
import { siloRole, StateFolder, UNFINISHED_MODEL } from "./state.ts";

/** Name of the update's file in `staged`. */
const UPDATE = "update.f32";

/** A written update and the scores that go with it. */
export interface StoredUpdate {
  run: string;
  round: number;
  base: string;
  sha256: string;
  scores: Scores;
}

/** Images and rounds so far. */
export interface Tally {
  /** Rounds for which an update was written and not dropped as too late, and the latest of them. */
  rounds: number;
  latest: number;
  trained: number;
  scored: number;
  /** When the first turn began, seconds by the run's clock. */
  since: number | null;
}

/** A silo's locked state folder. */
export class SiloState implements Disposable {
  readonly folder: StateFolder;

  private constructor(folder: StateFolder) {
    this.folder = folder;
  }

  /** @throws {ProtocolError} as `StateFolder.open`. */
  static async open(dir: string, options: { silo: string }): Promise<SiloState> {
    const folder = await StateFolder.open(dir, { role: siloRole(options.silo) });
    await folder.sweep({
      ".": (name) => UNFINISHED_MODEL.test(name),
      staged: (name) => /^update\.f32\.[\da-f-]+\.tmp$/.test(name),
    });
    return new SiloState(folder);
  }

  get run(): string | null {
    return this.folder.get("run");
  }

  set run(run: string) {
    this.folder.set("run", run);
  }

  /** The update's f32 file. */
  get updatePath(): string {
    return `${this.folder.dir}/staged/${UPDATE}`;
  }

  /** The selected model, once the closing phase stored it. */
  get modelPath(): string {
    return `${this.folder.dir}/model.safetensors`;
  }

  /** The update last written, if it is of this run, round and base and its file is as it was written. */
  async update(
    wanted: { run: string; round: number; base: string },
  ): Promise<StoredUpdate | null> {
    const update = this.folder.get<StoredUpdate>("update");
    if (update?.run !== wanted.run || update.round !== wanted.round || update.base !== wanted.base) {
      return null;
    }
    return await fileDigest(this.updatePath) === update.sha256 ? update : null;
  }

  /** Commits a written update and what it took. */
  commitUpdate(update: StoredUpdate, images: { trained: number; scored: number }): void {
    this.folder.transaction(() => {
      this.folder.set("update", update);
      const { tally } = this;
      const { since, latest } = tally;
      this.tally = {
        rounds: tally.rounds + (update.round > latest ? 1 : 0),
        latest: update.round,
        trained: tally.trained + images.trained,
        scored: tally.scored + images.scored,
        since,
      };
    });
  }

  /** Notes that the round went on without the update that was written for it, if one was. */
  dropUpdate(round: number): void {
    const { tally } = this;
    if (tally.latest === round) this.tally = { ...tally, rounds: tally.rounds - 1, latest: round - 1 };
  }

  get tally(): Tally {
    return this.folder.get<Tally>("tally") ?? { rounds: 0, latest: 0, trained: 0, scored: 0, since: null };
  }

  set tally(tally: Tally) {
    this.folder.set("tally", tally);
  }

  get result(): SiloResult | null {
    return this.folder.get("result");
  }

  set result(result: SiloResult) {
    this.folder.set("result", result);
  }

  [Symbol.dispose](): void {
    this.folder[Symbol.dispose]();
  }
}
