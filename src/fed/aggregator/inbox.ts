/**
 * Receives updates: announced first, then frames at an offset, staged in a file; counted when the last
 * byte is on disk and the digest is the announced one.
 *
 * Memory holds one frame for each of the silos that have a slot, and one request of a silo is served at a time. After
 * a restart the staged bytes are hashed again, so an upload goes on where it was; a file that a crash damaged fails the
 * digest and is sent again from the start.
 */
import { fingerprint } from "../../model/layout.ts";
import { checkDelta } from "../maths/exact_sum.ts";
import { checkOpen } from "./check_open.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { checkWhole, decodeValues, encodedBytes, F32_DELTA, MASKED } from "../protocol/encoding.ts";
import { readAt, writeAll } from "../../files/whole.ts";
import { removeIfThere } from "../../files/exists.ts";
import { Digester } from "../../files/digest.ts";
import { freeMemory } from "../../files/free_memory.ts";
import { renameDurably, syncFile } from "../../files/durable.ts";
import { FrameReader } from "../protocol/frame.ts";
import { PRIVATE_FILE } from "../../files/private.ts";
import type { Receipt, UpdateProgress, UpdateStart } from "../protocol/messages.ts";
import type { Run } from "./run.ts";
import { SLOTS, Slots } from "../wire/slots.ts";
import { stepsIn } from "./part.ts";
import { RANGE_LIMIT } from "../wire/exchange.ts";

const PIECE = 1 << 20;

/** An update on its way in. */
interface Upload {
  start: UpdateStart;
  /** Bytes written and hashed. */
  offset: number;
  digest: Digester;
}

/** The updates of the open round. */
export class Inbox {
  readonly #run: Run;
  /** The fingerprint that every update must name. */
  readonly #layout: string;
  readonly #uploads = new Map<string, Upload>();
  /** Silos with a request under way. */
  readonly #busy = new Set<string>();
  readonly #slots = new Slots();

  constructor(run: Run) {
    this.#run = run;
    this.#layout = fingerprint(run.layout);
  }

  /**
   * Takes an announcement; the answer says from which byte to send, or that it is counted already.
   * @throws {ProtocolError} `other_run`, `different_update`, `round_closed`, `no_round`, `not_in_roster`, `other_base`,
   * `other_layout`, `wrong_size`, `wrong_examples`, `slots_taken`, `digest_mismatch`.
   */
  async start(silo: string, start: UpdateStart): Promise<UpdateProgress> {
    const receipt = this.#counted(silo, start);
    if (receipt !== null) {
      const { round, sha256, examples } = receipt;
      this.#run.onEvent({ type: "receipt_repeated", silo, round, sha256, examples });
      return { offset: start.bytes, receipt };
    }
    this.#check(silo, start);
    return await this.#alone(silo, async () => {
      this.#takeSlot(silo);
      let upload = this.#uploads.get(silo);
      if (upload === undefined || JSON.stringify(upload.start) !== JSON.stringify(start)) {
        upload = await this.#resume(silo, start);
        this.#uploads.set(silo, upload);
      }
      const { round, bytes } = start;
      this.#run.onEvent({ type: "upload_started", silo, round, bytes, offset: upload.offset });
      return await this.#progress(silo, upload);
    });
  }

  /** Takes frames from `offset` on. @throws {ProtocolError} */
  put(
    silo: string,
    request: { round: number; offset: number; body: AsyncIterable<Uint8Array> },
  ): Promise<UpdateProgress> {
    return this.#alone(silo, async () => {
      const upload = this.#uploads.get(silo);
      if (upload === undefined || upload.start.round !== request.round) {
        throw new ProtocolError("not_started", { expected: "an announced update", got: "none" });
      }
      checkOpen(this.#run, request.round);
      if (upload.offset !== request.offset) {
        throw new ProtocolError("wrong_offset", {
          expected: `offset ${upload.offset}`,
          got: `${request.offset}`,
        });
      }
      this.#takeSlot(silo);
      await this.#receive(silo, upload, request.body);
      return await this.#progress(silo, upload);
    });
  }

  /** A silo that has left, and one whose round is over, need theirs no more. @throws {ProtocolError} `slots_taken`. */
  #takeSlot(silo: string): void {
    const round = this.#run.state.current?.row.round;
    const connected = this.#run.attendance.connected;
    const holds = (other: string) =>
      connected.includes(other) && (this.#uploads.get(other)?.start.round ?? round) === round;
    if (this.#slots.take(silo, { now: this.#run.now(), holds })) return;
    throw new ProtocolError("slots_taken", { expected: `at most ${SLOTS} updates at once`, got: "one more" });
  }

  /** Forgets the upload under way; what is on disk stays. */
  #drop(silo: string): void {
    this.#uploads.delete(silo);
    this.#slots.free(silo);
  }

  /** Two requests of one silo never touch its file at once. @throws {ProtocolError} `slots_taken`. */
  async #alone<T>(silo: string, body: () => Promise<T>): Promise<T> {
    if (this.#busy.has(silo)) {
      throw new ProtocolError("slots_taken", { expected: "one request at a time", got: "two" });
    }
    this.#busy.add(silo);
    try {
      return await body();
    } finally {
      this.#busy.delete(silo);
    }
  }

  /** What is still to send. An update that came whole before its connection broke is counted here too. */
  async #progress(silo: string, upload: Upload): Promise<UpdateProgress> {
    const { offset, start } = upload;
    return offset < start.bytes ? { offset } : { offset, receipt: await this.#count(silo, upload) };
  }

  /** The receipt when this very update counts already. */
  #counted(silo: string, start: UpdateStart): Receipt | null {
    if (start.run !== this.#run.id) {
      throw new ProtocolError("other_run", { expected: `run ${this.#run.id}`, got: start.run });
    }
    const receipt = this.#run.state.counted(start.round).get(silo) ?? null;
    if (receipt !== null && receipt.sha256 !== start.sha256) {
      throw new ProtocolError("different_update", {
        expected: `the counted update ${receipt.sha256}`,
        got: start.sha256,
      });
    }
    return receipt;
  }

  #check(silo: string, start: UpdateStart): void {
    const row = checkOpen(this.#run, start.round);
    if (!row.roster.includes(silo)) {
      throw new ProtocolError("not_in_roster", { expected: row.roster.join(", "), got: silo });
    }
    const { masked } = this.#run.proposal;
    if (masked === null && stepsIn(this.#run.state, row.round, silo) === 0) {
      throw new ProtocolError("not_in_roster", { expected: "a silo with a step in the round", got: silo });
    }
    const encoding = masked === null ? F32_DELTA : MASKED;
    const expected: [
      keyof UpdateStart,
      string | number | null,
      "other_base" | "other_layout" | "wrong_size" | "wrong_examples" | "other_roster",
    ][] = [
      ["base", row.base, "other_base"],
      ["layout", this.#layout, "other_layout"],
      ["encoding", encoding, "other_layout"],
      ["bytes", encodedBytes(this.#run.layout.length, encoding), "wrong_size"],
      ["examples", this.#run.examples(silo), "wrong_examples"],
      ["roster", this.#rosterFor(silo, row.round), "other_roster"],
    ];
    for (const [field, value, code] of expected) {
      if (start[field] === value) continue;
      throw new ProtocolError(code, { expected: `${field} ${value}`, got: String(start[field]) });
    }
  }

  /** What an update is to be masked for. @throws {ProtocolError} `no_roster`, `roster_closed`. */
  #rosterFor(silo: string, round: number): string | null {
    const { proposal: { masked }, state: { masks: { rosters } } } = this.#run;
    if (masked === null) return null;
    const settled = rosters.get(round);
    if (settled === undefined) {
      throw new ProtocolError("no_roster", {
        expected: "an update once the roster is settled",
        got: "one before",
      });
    }
    if (settled.names.includes(silo)) return settled.digest;
    throw new ProtocolError("roster_closed", { expected: settled.names.join(", "), got: silo });
  }

  /** A fresh upload, or the one that a former process of this aggregator had begun. */
  async #resume(silo: string, start: UpdateStart): Promise<Upload> {
    const { partial } = this.#run.state.stagedPath(start.round, silo);
    const known = this.#run.state.announced(start.round, silo);
    const upload: Upload = { start, offset: 0, digest: new Digester() };
    if (known === null || JSON.stringify(known) !== JSON.stringify(start)) {
      await removeIfThere(partial);
      this.#run.state.announce(silo, start);
      return upload;
    }
    const size = await Deno.stat(partial).then((info) => info.size, () => 0);
    const value = encodedBytes(1, start.encoding);
    const whole = Math.min(size - size % value, start.bytes - value);
    if (whole <= 0) return upload;
    using file = await Deno.open(partial, { read: true, write: true });
    for (; upload.offset < whole;) {
      const piece = new Uint8Array(Math.min(PIECE, whole - upload.offset));
      await readAt(file, upload.offset, piece);
      upload.digest.update(piece);
      upload.offset += piece.length;
    }
    await file.truncate(whole);
    return upload;
  }

  async #receive(silo: string, upload: Upload, body: AsyncIterable<Uint8Array>): Promise<void> {
    const { partial } = this.#run.state.stagedPath(upload.start.round, silo);
    using reader = new FrameReader({ total: upload.start.bytes, offset: upload.offset });
    using file = await Deno.open(partial, { write: true, create: true, mode: PRIVATE_FILE });
    await file.seek(upload.offset, Deno.SeekMode.Start);
    let taken = 0;
    for await (const chunk of body) {
      taken += chunk.length;
      if (taken > RANGE_LIMIT) {
        throw new ProtocolError("too_large", {
          expected: `at most ${RANGE_LIMIT} bytes a request`,
          got: "more",
        });
      }
      for (const { offset, payload } of reader.push(chunk)) {
        this.#inspect(silo, offset, payload);
        // Hashed once written: a frame that the disk had no room for comes again.
        await writeAll(file, payload);
        upload.digest.update(payload);
        upload.offset = offset + payload.length;
        this.#run.moved(payload.length);
        this.#slots.hear(silo, this.#run.now());
        await this.#run.faultPoint("receiving");
      }
      freeMemory(chunk);
    }
    reader.end();
  }

  /**
   * NaN, Inf and values out of range never reach the disk; the whole update is dropped. In a masked one nothing is to be
   * seen: the silo has looked before it masked, and the fold looks at the sum.
   */
  #inspect(silo: string, offset: number, payload: Uint8Array): void {
    if (this.#run.proposal.masked !== null) return checkWhole(payload, offset, MASKED);
    const { first, values } = decodeValues(payload, offset);
    try {
      checkDelta(values, this.#run.layout, first);
    } catch (error) {
      this.#drop(silo);
      throw error;
    }
  }

  /** Syncs, compares the digest and counts. Whatever fails, the next announcement starts from what is on disk. */
  async #count(silo: string, upload: Upload): Promise<Receipt> {
    const { round, sha256, examples, run } = upload.start;
    const { partial, whole } = this.#run.state.stagedPath(round, silo);
    try {
      this.#run.onEvent({ type: "uploaded", silo, round, bytes: upload.offset });
      await this.#run.faultPoint("received");
      await syncFile(partial).catch(async (error) => {
        // What did not reach the disk may still read back whole: the update is sent again from the start.
        await removeIfThere(partial);
        throw error;
      });
      const got = upload.digest.sha256();
      if (got !== sha256) {
        await removeIfThere(partial);
        throw new ProtocolError("digest_mismatch", { expected: sha256, got });
      }
      await renameDurably(partial, whole);
      checkOpen(this.#run, round);
      const receipt: Receipt = { run, round, silo, sha256, examples };
      this.#run.count(receipt);
      this.#run.hashed.set(whole, upload.digest.crc32);
      return receipt;
    } finally {
      this.#drop(silo);
    }
  }
}
