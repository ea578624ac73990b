/** Keys as ssh-keygen makes them: stock SuperNodes read no others, and not every machine has it. */
import { assert } from "@std/assert";
import type { FlowerEnvironment } from "./environment.ts";

const MAKE = `
import sys
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives import serialization as s
key = ec.generate_private_key(ec.SECP384R1())
open(sys.argv[1] + ".pem", "wb").write(
    key.private_bytes(s.Encoding.PEM, s.PrivateFormat.OpenSSH, s.NoEncryption()))
open(sys.argv[1] + ".pub", "wb").write(key.public_key().public_bytes(s.Encoding.OpenSSH, s.PublicFormat.OpenSSH))
`;

/** Writes PATH.pem and PATH.pub; returns the public key's line. */
export async function makeSshKey(
  path: string,
  { python }: Pick<FlowerEnvironment, "python">,
): Promise<string> {
  const { success } = await new Deno.Command(python, { args: ["-c", MAKE, path] }).output();
  assert(success);
  return await Deno.readTextFile(`${path}.pub`);
}
