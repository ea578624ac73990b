/**
 * How much of the average one silo may own.
 *
 * Why: n is a silo's own word. One that says a huge number owns every model from then on, and neither its scores nor
 * the others' would show whose films they were. Nothing is clamped, which would silently train another model than the
 * data ask for: the operator hears who it is, and decides.
 */
import { ProtocolError } from "../protocol/errors.ts";
import type { Proposal, Registration } from "../protocol/messages.ts";

/** Of all training images, where three silos or more are invited; one of two may well have most of them. */
const MOST = 0.8;

/** @throws {RangeError} on a share outside (0, 1]. */
export function maxShareOf({ silos }: Pick<Proposal, "silos">, given?: number): number {
  const share = given ?? (silos.length >= 3 ? MOST : 1);
  if (share > 0 && share <= 1) return share;
  throw new RangeError(`Cannot start: expected a largest share above 0 and at most 1, got ${share}`);
}

/**
 * Whether a silo, which has joined or is about to, has no more than its share of all training images.
 * @throws {ProtocolError} `share_too_large`
 */
export function checkShare(
  registration: Registration,
  options: { joined: Iterable<Registration>; maxShare: number },
): void {
  const { joined, maxShare } = options;
  const images = imagesOf(registration);
  const others = [...joined].filter(({ silo }) => silo !== registration.silo);
  const all = others.reduce((sum, one) => sum + imagesOf(one), images);
  if (images <= maxShare * all) return;
  throw new ProtocolError("share_too_large", {
    expected: `at most ${maxShare} of all training images from one silo`,
    got: `${(images / all).toFixed(3)} from ${registration.silo}, ${images} of ${all}`,
  });
}

/** What a silo weighs in the average. */
export function imagesOf({ splits }: Registration): number {
  return splits.train.images;
}
