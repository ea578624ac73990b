/**
 * The two digests in a model file: of its weights, and of everything else that the file says of them.
 *
 * Why two: the weights of one run are the same at the hub and at every hospital, so their digest is what people
 * compare; the other one tells that nobody changed what the pixels must be put through before. Neither proves who wrote
 * the file: that is what the digest printed at the end of a run is for.
 */
import { canonicalDigest } from "../../files/canonical.ts";
import { digest } from "../../files/digest.ts";
import { refusal } from "../../refusal.ts";

/** SHA-256 of the flat vector's little-endian f32. */
const WEIGHTS = "fedx_weights_sha256";
/** SHA-256 of all other entries of the file's metadata as canonical JSON (RFC 8785). */
const METADATA = "fedx_metadata_sha256";

/** A file's metadata: names and texts. */
type Entries = Readonly<Record<string, string>>;

/** The entries with both digests. */
export function withDigests(entries: Entries, vector: Float32Array): Record<string, string> {
  const all = { ...entries, [WEIGHTS]: digest(vector) };
  return { ...all, [METADATA]: canonicalDigest(all) };
}

/** Whether fedx wrote a file with these entries: one of them is enough, so that a changed name is not a way round. */
export function isOurs(entries: Entries): boolean {
  return Object.keys(entries).some((name) => name.startsWith("fedx"));
}

/** Whether the entries name a digest. Files of an older fedx name none. */
export function hasDigests(entries: Entries): boolean {
  return WEIGHTS in entries || METADATA in entries;
}

/** @throws {SyntaxError} when the entries are not those that were written */
export function checkMetadata(entries: Entries): void {
  const { [METADATA]: expected, ...others } = entries;
  compare("metadata", expected, canonicalDigest(others));
}

/** @throws {SyntaxError} when the weights are not those that were written */
export function checkWeights(entries: Entries, vector: Float32Array): void {
  compare("weights", entries[WEIGHTS], digest(vector));
}

function compare(what: string, expected: string | undefined, got: string): void {
  if (expected === got) return;
  throw refusal(SyntaxError, {
    what: "Cannot read model",
    expected: expected === undefined ? `the SHA-256 of its ${what}` : `${what} of SHA-256 ${expected}`,
    got: expected === undefined ? "none" : got,
    remedy:
      "the file was changed after fedx wrote it: copy it again from where it was made, or make it again",
  });
}
