/**
 * The mask that two silos share for one row and roster, a stretch at a time: what one adds the other takes away.
 *
 * key = HKDF-SHA256(shared secret, salt = plan id, info = "fedx mask 1" ‖ row digest ‖ roster digest), 32 bytes; stream =
 * AES-256-CTR of zeros from counter block 0, 8 bytes a value, little-endian.
 *
 * Why a key for each row and roster: a stream that is used twice shows the difference of the two updates.
 */
import { addModular, subtractModular } from "../maths/masked_sum.ts";
import { freeMemory } from "../../files/free_memory.ts";
import { agree } from "./key_pair.ts";
import { ProtocolError } from "../protocol/errors.ts";

const LABEL = new TextEncoder().encode("fedx mask 1");
/** Of AES, bytes. */
const BLOCK = 16;
/** Most values that are masked at a time: of 512 KiB to 1 MiB a stream is made fastest. */
export const STRETCH = 1 << 17;
const ZEROS = new Uint8Array(STRETCH * 8);

/** What a mask is for, so that no two rows share one; SHA-256 hex each. */
export interface MaskContext {
  /** Plan id. */
  plan: string;
  /** Of the canonical row. */
  row: string;
  /** `rosterDigest`. */
  roster: string;
}

/** Another silo of the roster. */
export interface MaskPeer {
  /** In the proposal's order. */
  number: number;
  /** X25519, hex. */
  publicKey: string;
}

/** The masks of one silo for all others of a roster. */
export class Masks {
  readonly #masks: readonly { key: CryptoKey; adds: boolean }[];

  private constructor(masks: readonly { key: CryptoKey; adds: boolean }[]) {
    this.#masks = masks;
  }

  /**
   * @param own The silo's number in the proposal's order and its private key, PKCS#8 in hex.
   * @throws {ProtocolError} `not_agreed` for a public key that gives no secret, or another one's. @throws {RangeError} a
   * number twice.
   */
  static async of(
    own: { number: number; privateKey: string },
    { peers, context }: { peers: readonly MaskPeer[]; context: MaskContext },
  ): Promise<Masks> {
    const numbers = [own.number, ...peers.map(({ number }) => number)];
    if (new Set(numbers).size !== numbers.length) {
      throw new RangeError(`Cannot mask: expected silos with a number each, got ${numbers.join(", ")}`);
    }
    const secrets = await Promise.all(peers.map(({ publicKey }) => agree(own.privateKey, publicKey)));
    checkDistinct(secrets, peers);
    const masks = [];
    for (const [at, { number }] of peers.entries()) {
      const key = await keyOf(secrets[at], context);
      masks.push({ key, adds: own.number < number });
    }
    return new Masks(masks);
  }

  /**
   * Adds every mask to a stretch, modulo 2^64.
   * @param values At most `STRETCH` of them.
   * @param first Element of the vector that they begin with, even: a block of AES holds two.
   */
  async add(values: BigUint64Array<ArrayBuffer>, first: number): Promise<void> {
    const counter = new Uint8Array(BLOCK);
    new DataView(counter.buffer).setBigUint64(BLOCK - 8, BigInt(first * 8 / BLOCK));
    const cipher = { name: "AES-CTR", counter, length: 128 };
    const zeros = ZEROS.subarray(0, values.length * 8);
    for (const { key, adds } of this.#masks) {
      const stream = new BigUint64Array(await crypto.subtle.encrypt(cipher, key, zeros));
      if (adds) addModular(values, stream);
      else subtractModular(values, stream);
      freeMemory(stream);
    }
  }
}

/**
 * A mask that is added for one silo and taken away for another hides nothing. Different public keys can give one secret:
 * X25519 reads a point in several ways, and multiplies away what a point of small order adds to it (RFC 7748, §7). So a
 * silo that states such a relative of another's key, without its private key, would take off the masks of who stands
 * between the two.
 * @throws {ProtocolError} `not_agreed`
 */
function checkDistinct(secrets: readonly Uint8Array[], peers: readonly MaskPeer[]): void {
  const seen = new Map<string, MaskPeer>();
  for (const [at, peer] of peers.entries()) {
    const secret = secrets[at].toHex();
    const other = seen.get(secret);
    if (other !== undefined) {
      throw new ProtocolError("not_agreed", {
        expected: `another secret with silo ${peer.number} than with silo ${other.number}`,
        got: `keys that are made of each other, ${other.publicKey} and ${peer.publicKey}`,
      });
    }
    seen.set(secret, peer);
  }
}

async function keyOf(
  secret: Uint8Array<ArrayBuffer>,
  { plan, row, roster }: MaskContext,
): Promise<CryptoKey> {
  const info = Uint8Array.of(...LABEL, ...Uint8Array.fromHex(row), ...Uint8Array.fromHex(roster));
  const from = { name: "HKDF", hash: "SHA-256", salt: Uint8Array.fromHex(plan), info };
  const base = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveKey"]);
  return await crypto.subtle.deriveKey(from, base, { name: "AES-CTR", length: 256 }, false, ["encrypt"]);
}
