/** Sends a silo's part in a row: what it says of its turn, and its update, masked where the run is. */
import { readAt } from "../../files/whole.ts";
import { fingerprint } from "../../model/layout.ts";
import { encodedBytes, type Encoding, F32_DELTA, MASKED } from "../protocol/encoding.ts";
import { type RoundSettings, WIRE_VERSION } from "../protocol/messages.ts";
import { AGGREGATOR } from "../state/folder.ts";
import type { Masking } from "./masking.ts";
import type { StoredPart } from "./state.ts";
import type { TurnContext } from "./turn_context.ts";

/** A part on its way, for the roster that is settled, if one is. */
interface Sending {
  row: RoundSettings;
  part: StoredPart;
  roster: string | null;
  /** Steps of the row. */
  steps: number;
}

/** Sends the stored part; returns the size of its update in bytes, 0 for none, null where the roster is waited for. */
export async function send(
  context: TurnContext,
  { row, part, roster, steps }: Sending,
): Promise<number | null> {
  const { client, faultPoint, masking, heartbeats } = context;
  const { round, run } = row;
  heartbeats.doing = { run, round, phase: "uploading", step: steps, steps };
  // They go before the ready: whoever is in a settled roster has sent them.
  if (roster === null) {
    await client.scores(part.scores);
    await faultPoint("scores_sent");
  }
  if (masking !== null) return await sendMasked(context, { row, part, roster, steps }, masking);
  if (part.sha256 === null) return 0;
  const { sha256 } = part;
  return await upload(context, row, {
    path: context.state.updatePath,
    sha256,
    encoding: F32_DELTA,
    roster: null,
  });
}

/** Says that the part is there or, once the roster is settled, masks it for that and sends it. */
async function sendMasked(
  context: TurnContext,
  { row, part, roster }: Sending,
  masking: Masking,
): Promise<number | null> {
  const { trainer: { layout, shard: { shard, splits: { train } } }, plan, state } = context;
  const masked = { plan, row, part, layout, shard, examples: train.images };
  if (roster === null) {
    await masking.ready(masked);
    return null;
  }
  const sha256 = await masking.mask(masked, roster);
  return await upload(context, row, { path: state.masks.path, sha256, encoding: MASKED, roster });
}

/** Sends an update's file; returns its size in bytes. */
async function upload(
  context: TurnContext,
  { round, run, base }: RoundSettings,
  update: { path: string; sha256: string; encoding: Encoding; roster: string | null },
): Promise<number> {
  const { client, trainer, audit, onEvent, faultPoint, silo } = context;
  const { path, ...announced } = update;
  const bytes = encodedBytes(trainer.layout.length, update.encoding);
  using file = await Deno.open(path);
  onEvent({ type: "upload_started", silo, round, bytes, offset: 0 });
  const layout = fingerprint(trainer.layout);
  const examples = trainer.shard.splits.train.images;
  const heads = await audit?.show(AGGREGATOR);
  const start = { run, round, base, layout, bytes, examples, ...announced };
  const { receipt, heads: answer } = await client.upload(
    { ...start, wire: WIRE_VERSION, ...heads !== undefined && { heads } },
    (offset, part) => readAt(file, offset, part),
    () => faultPoint("uploading"),
  );
  onEvent({ type: "receipt", round, sha256: receipt.sha256, examples: receipt.examples });
  if (answer !== undefined) audit?.take(AGGREGATOR, answer);
  return bytes;
}
