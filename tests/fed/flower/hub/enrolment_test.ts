import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { signedApp } from "../../../../src/fed/flower/hub/app.ts";
import { Callers } from "../../../../src/fed/flower/hub/callers.ts";
import { enrol, enrolled, nodeOf, SIGNER, signingKey } from "../../../../src/fed/flower/hub/enrolment.ts";
import { readPublicKey } from "../../../../src/fed/flower/hub/public_key.ts";
import { FleetRefusal } from "../../../../src/fed/flower/hub/refusal.ts";
import { FlowerIdentity } from "../../../../src/fed/flower/identity.ts";
import { inFolder } from "../../../testing/folder.ts";

const NOW = Date.UTC(2026, 10, 29);
const counts = { train: 100, positives: 40 };
const pemOf = ({ publicKey }: FlowerIdentity) => new TextDecoder().decode(publicKey);

Deno.test("enrol: a key as PEM and as OpenSSH's line is one key, and a site keeps its node", () =>
  inFolder(async (dir) => {
    const identity = new FlowerIdentity(FlowerIdentity.generate());
    const first = await enrol(dir, { name: "d", publicKey: pemOf(identity), ...counts });
    assertEquals(first.before, null);
    const second = await enrol(dir, {
      name: "d",
      publicKey: `${identity.sshLine} somebody@host\n`,
      ...counts,
      train: 120,
    });
    assertEquals(second.before, first.site);
    assertEquals(second.site, { ...first.site, train: 120 });
    assertEquals(await enrolled(dir), new Map([["d", second.site]]));
    assertEquals(nodeOf(second.site), nodeOf(first.site));
    assertEquals(second.signer, first.signer);
  }));

Deno.test("enrol: what is no public key, one class alone, and another site's key are refused, and nothing is written", () =>
  inFolder(async (dir) => {
    const pem = FlowerIdentity.generate();
    const identity = new FlowerIdentity(pem);
    for (
      const text of [
        pem,
        "ssh-ed25519 AAAA",
        "ecdsa-sha2-nistp384 AAAAE2Vj",
        "",
        `${identity.sshLine.slice(0, 60)}`,
      ]
    ) {
      await assertRejects(
        () => enrol(dir, { name: "d", publicKey: text, ...counts }),
        SyntaxError,
        "public key",
      );
    }
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({
      type: "spki",
      format: "pem",
    });
    assertThrows(() => readPublicKey(String(rsa)), SyntaxError, "rsa");
    const publicKey = identity.sshLine;
    for (const [train, positives] of [[10, 10], [10, 0]]) {
      await assertRejects(
        () => enrol(dir, { name: "d", publicKey, train, positives }),
        RangeError,
        "both classes",
      );
    }
    assertEquals(await enrolled(dir), new Map());
    await enrol(dir, { name: "d", publicKey, ...counts });
    await assertRejects(() => enrol(dir, { name: "e", publicKey, ...counts }), RangeError, "the key of d");
    await Deno.writeTextFile(`${dir}/flower.json`, "{}");
    await assertRejects(() => enrolled(dir), Error, "flower.json");
  }));

Deno.test("Callers: only an enrolled key that has signed a moment near this one is heard", () =>
  inFolder(async (dir) => {
    const identity = new FlowerIdentity(FlowerIdentity.generate(), { now: () => new Date(NOW) });
    const other = new FlowerIdentity(FlowerIdentity.generate(), { now: () => new Date(NOW) });
    const { site } = await enrol(dir, { name: "d", publicKey: identity.sshLine, ...counts });
    const headers = ({ publicKey, timestamp, signature }: ReturnType<FlowerIdentity["sign"]>) => ({
      ...{ key: Buffer.from(publicKey).toString("base64"), timestamp },
      signature: Buffer.from(signature).toString("base64"),
    });
    const own = headers(identity.sign()), foreign = headers(other.sign());
    const at = (seconds: number) => new Callers([site], { now: () => NOW + 1000 * seconds });
    const callers = at(0);
    for (let times = 0; times < 2; times++) assertEquals(nodeOf(callers.whose(own)), nodeOf(site));
    assertEquals(at(300).whose(own), site);
    for (
      const [why, signed, seconds] of [
        ["a key that is not enrolled", foreign, 0],
        ["a signature that is not the key's", { ...own, signature: foreign.signature }, 0],
        [
          "a signature that is not the key's",
          { ...own, timestamp: own.timestamp.replace(".000", ".001") },
          0,
        ],
        ["a moment far", own, 310],
        ["a moment far", own, -70],
        ["a signature that is not the key's", { ...own, timestamp: "now" }, 0],
        ["headers without a public key", { key: "", timestamp: "", signature: "" }, 0],
        ["headers too long", { ...own, signature: "A".repeat(5000) }, 0],
      ] as const
    ) {
      const error = assertThrows(() => at(seconds).whose(signed), FleetRefusal, why);
      assertEquals(error.kind, "unknown");
      // Who has signed is known, though too late.
      assertEquals(error.site, why === "a moment far" ? "d" : null);
    }
    assertThrows(() => callers.whose({ ...own, signature: foreign.signature }), FleetRefusal);
  }));

Deno.test("signedApp: the same file every time, signed by the key that sites pin", () =>
  inFolder(async (dir) => {
    const key = await signingKey(dir);
    assertEquals((await Deno.stat(`${dir}/flower-signing.pem`)).mode! & 0o777, 0o600);
    const app = await signedApp(key, { now: 1000 });
    assertEquals((await signedApp(await signingKey(dir), { now: 2000 })).hash, app.hash);
    const { text } = app.verifications.find(({ name }) => name === SIGNER)!;
    const { signed_at, signature } = JSON.parse(text);
    const signed = Buffer.concat([Buffer.alloc(8), Buffer.from(app.hash, "hex")]);
    signed.writeBigUInt64BE(BigInt(signed_at));
    const publicKey = createPublicKey(key);
    assert(verify(null, signed, publicKey, Buffer.from(signature, "base64url")));
    signed[40 - 1] ^= 1;
    assert(!verify(null, signed, publicKey, Buffer.from(signature, "base64url")));
  }));
