/**
 * Another X25519 public key with which every silo shares the very same secret: the point of the key plus the one of
 * order 2. On the curve v² = u³ + A·u² + u that is u → 1/u, and a private key is a multiple of 8, so the difference is
 * multiplied away (RFC 7748, §7). Whoever knows a public key can write it; nobody knows its private key.
 */

const P = 2n ** 255n - 19n;

/** @param publicKey 32 bytes, little-endian, in hex; the result is one too. */
export function equivalentKey(publicKey: string): string {
  const u = BigInt(`0x${Uint8Array.fromHex(publicKey).reverse().toHex()}`) % P;
  const inverse = power(u, P - 2n).toString(16).padStart(64, "0");
  return Uint8Array.fromHex(inverse).reverse().toHex();
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (; exponent > 0n; exponent >>= 1n, base = base * base % P) {
    if (exponent & 1n) result = result * base % P;
  }
  return result;
}
