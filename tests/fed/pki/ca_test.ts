import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { issuedBy } from "../../../src/fed/pki/authority.ts";
import { checkName, initCa, issue } from "../../../src/fed/pki/ca.ts";
import { checkCertificate } from "../../../src/fed/pki/own_certificate.ts";
import { issuerOf } from "../../../src/fed/pki/issuer.ts";
import { makeRequest, signRequest } from "../../../src/fed/pki/certificate_request.ts";
import { revoke } from "../../../src/fed/pki/revoke.ts";
import {
  bits,
  boolean,
  draft,
  extension,
  integer,
  keys,
  make,
  nameOf,
  sequence,
  utcTime,
} from "../../testing/certificates.ts";
import { inFolder } from "../../testing/folder.ts";

async function withCa(body: (dir: string) => Promise<void>): Promise<void> {
  await inFolder(async (dir) => {
    await initCa(`${dir}/ca`);
    await body(dir);
  });
}

Deno.test("issue writes ca.pem, cert.pem and key.pem (mode 0600) that checkCertificate accepts", () =>
  withCa(async (dir) => {
    const issued = await issue({ name: "b", role: "silo", ca: `${dir}/ca`, out: `${dir}/b` });
    assertEquals((await Deno.stat(issued.key)).mode! & 0o777, 0o600);
    assertEquals((await Deno.stat(`${dir}/ca/ca-key.pem`)).mode! & 0o777, 0o600);
    const checked = await checkCertificate(`${dir}/b`, { role: "silo", name: "b" });
    assertEquals(checked.fingerprint, issued.fingerprint);
    assertEquals(checked.warning, undefined);
    await issue({ name: "aggregator", role: "aggregator", ca: `${dir}/ca`, out: `${dir}/agg` });
    await checkCertificate(`${dir}/agg`, { role: "aggregator" });
  }));

Deno.test("initCa and issue overwrite nothing", () =>
  withCa(async (dir) => {
    await assertRejects(() => initCa(`${dir}/ca`), Deno.errors.AlreadyExists);
    await issue({ name: "b", role: "silo", ca: `${dir}/ca`, out: `${dir}/b` });
    const key = await Deno.readTextFile(`${dir}/b/key.pem`);
    await assertRejects(
      () => issue({ name: "b", role: "silo", ca: `${dir}/ca`, out: `${dir}/b` }),
      Deno.errors.AlreadyExists,
    );
    assertEquals(await Deno.readTextFile(`${dir}/b/key.pem`), key);
  }));

Deno.test("issue writes over no other CA's ca.pem and into no CA's folder", () =>
  withCa(async (dir) => {
    await initCa(`${dir}/foreign`);
    await Deno.mkdir(`${dir}/b`);
    await Deno.copyFile(`${dir}/foreign/ca.pem`, `${dir}/b/ca.pem`);
    const before = await Deno.readTextFile(`${dir}/foreign/ca.pem`);
    for (const out of ["b", "foreign", "ca"]) {
      await assertRejects(
        () => issue({ name: "b", role: "silo", ca: `${dir}/ca`, out: `${dir}/${out}` }),
        Deno.errors.AlreadyExists,
        "choose another --out",
      );
      await assertRejects(() => Deno.stat(`${dir}/${out}/cert.pem`), Deno.errors.NotFound);
    }
    assertEquals(await Deno.readTextFile(`${dir}/foreign/ca.pem`), before);
    await Deno.copyFile(`${dir}/ca/ca.pem`, `${dir}/b/ca.pem`);
    await issue({ name: "b", role: "silo", ca: `${dir}/ca`, out: `${dir}/b` });
  }));

Deno.test("a CA whose key others may read issues, signs and revokes nothing, and the remedy names a new CA", () =>
  withCa(async (dir) => {
    const ca = `${dir}/ca`;
    const { request } = await makeRequest({ name: "b", role: "silo", out: `${dir}/b` });
    await issue({ name: "a", role: "silo", ca, out: `${dir}/a` });
    const uses = [
      () => issue({ name: "c", role: "silo", ca, out: `${dir}/c` }),
      () => signRequest({ request, name: "b", role: "silo", ca, out: `${dir}/back` }),
      () => revoke({ name: "a", ca, tls: `${dir}/tls` }),
    ];
    await Deno.chmod(`${ca}/ca-key.pem`, 0o640);
    for (const use of uses) {
      const { message } = await assertRejects(use, Error, "expected mode 0600, got 0640");
      assertStringIncludes(message, `chmod 600 ${ca}/ca-key.pem (and make a new CA and new certificates if`);
    }
    await Deno.chmod(`${ca}/ca-key.pem`, 0o600);
    for (const use of uses) await use();
  }));

/** Writes a CA by hand that is good from `from` to `to`, in days from now. */
async function handMadeCa(dir: string, from: number, to: number): Promise<void> {
  const name = nameOf("the CA"), { publicKey, privateKey } = keys();
  const [start, end] = [from, to].map((days) => utcTime(new Date(Date.now() + days * 86_400_000)));
  const own = make(draft("silo", { name, key: privateKey }, {
    subject: name,
    key: publicKey,
    validity: sequence(start, end),
    extensions: [
      extension("2.5.29.19", sequence(boolean(0xff), integer(0)), true),
      extension("2.5.29.15", bits(1, Uint8Array.of(0x06)), true),
    ],
  }));
  await Deno.mkdir(dir);
  const pem = `-----BEGIN CERTIFICATE-----\n${own.toBase64()}\n-----END CERTIFICATE-----\n`;
  await Deno.writeTextFile(`${dir}/ca.pem`, pem);
  const key = privateKey.export({ type: "pkcs8", format: "pem" });
  await Deno.writeTextFile(`${dir}/ca-key.pem`, key.toString(), { mode: 0o600 });
}

Deno.test("a CA of two halves, a bundle or an expired CA issues, signs and revokes nothing, and says what to do", () =>
  withCa(async (dir) => {
    await initCa(`${dir}/other`);
    await handMadeCa(`${dir}/old`, -20, -1);
    await handMadeCa(`${dir}/early`, 1, 20);
    const [own, other] = ["ca", "other"].map((ca) => Deno.readTextFileSync(`${dir}/${ca}/ca.pem`));
    const { request } = await makeRequest({ name: "b", role: "silo", out: `${dir}/b` });
    const cases: [string, string, string, string][] = [
      ["other", own, "expected the key of its ca.pem in ca-key.pem, got another key", "of one CA"],
      ["other", own + other, "got 2 certificates", "put back the ca.pem"],
      ["other", "", "got 0 certificates", "put back the ca.pem"],
      ["old", "", "got one that expired on", "fedx ca init"],
      ["early", "", "got one that is good from", "set this machine's clock"],
    ];
    for (const [folder, pem, got, remedy] of cases) {
      const ca = `${dir}/${folder}`;
      if (folder === "other") await Deno.writeTextFile(`${ca}/ca.pem`, pem);
      for (
        const use of [
          () => issue({ name: "c", role: "silo", ca, out: `${dir}/c` }),
          () => signRequest({ request, name: "b", role: "silo", ca, out: `${dir}/back` }),
          () => revoke({ name: "a", ca, tls: `${dir}/tls` }),
        ]
      ) {
        const { message } = await assertRejects(use, Error, got);
        assertStringIncludes(message, ` with the CA in ${ca}: expected `);
        assertStringIncludes(message, remedy);
      }
      assertEquals(await issuedBy(ca), []);
    }
  }));

Deno.test("a certificate ends with its CA at the latest, and says that it was shortened", () =>
  inFolder(async (dir) => {
    await handMadeCa(`${dir}/ca`, -1, 20);
    const ca = `${dir}/ca`;
    const end = issuerOf(await Deno.readTextFile(`${ca}/ca.pem`)).notAfter.toISOString();
    const issued = await issue({ name: "a", role: "silo", ca, out: `${dir}/a` });
    assertEquals([issued.expires, issued.shortened], [end, true]);
    const { expires } = await checkCertificate(`${dir}/a`, { role: "silo", name: "a" });
    assertEquals(expires, end);
    const { request } = await makeRequest({ name: "b", role: "silo", out: `${dir}/b` });
    const signed = await signRequest({ request, name: "b", role: "silo", ca, out: `${dir}/back` });
    assertEquals([signed.expires, signed.shortened], [end, true]);
    assertEquals((await issuedBy(ca)).map((one) => one.expires), [end, end]);
    const short = await issue({ name: "c", role: "silo", ca, out: `${dir}/c`, lifetime: 86_400 });
    assertEquals(short.shortened, false);
  }));

Deno.test("issue without a CA names fedx ca init", async () => {
  const error = await assertRejects(
    () => issue({ name: "b", role: "silo", ca: "/nonexistent", out: "/nonexistent/b" }),
    Deno.errors.NotFound,
  );
  assertStringIncludes(error.message, "fedx ca init");
});

Deno.test("checkCertificate refuses another name, role, CA, an expired one, a readable key; each names a remedy", () =>
  withCa(async (dir) => {
    const ca = `${dir}/ca`;
    await issue({ name: "b", role: "silo", ca, out: `${dir}/b` });
    await issue({ name: "c", role: "silo", ca, out: `${dir}/c` });
    await issue({ name: "old", role: "silo", ca, out: `${dir}/old`, lifetime: -60 });
    await issue({ name: "agg", role: "aggregator", ca, out: `${dir}/agg` });
    await initCa(`${dir}/foreign`);
    const check = (folder: string, name = folder) =>
      assertRejects(() => checkCertificate(`${dir}/${folder}`, { role: "silo", name }), Error);
    assertStringIncludes((await check("b", "c")).message, "--silo b");
    assertStringIncludes((await check("agg")).message, "role silo");
    assertStringIncludes((await check("old")).message, "fedx ca request old --role silo");
    await Deno.chmod(`${dir}/b/key.pem`, 0o644);
    assertStringIncludes((await check("b")).message, "chmod 600");
    await Deno.copyFile(`${dir}/foreign/ca.pem`, `${dir}/c/ca.pem`);
    assertStringIncludes((await check("c")).message, "expected a certificate of this CA");
  }));

Deno.test("checkCertificate refuses a clock before and after the certificate's time, and no key", () =>
  withCa(async (dir) => {
    const day = 86_400_000;
    const from = new Date(Date.now() + 2 * day);
    await issue({ name: "b", role: "silo", ca: `${dir}/ca`, out: `${dir}/b`, from, lifetime: 86_400 });
    const at = (days: number) =>
      checkCertificate(`${dir}/b`, { role: "silo", name: "b", now: new Date(Date.now() + days * day) });
    await at(2.5);
    const early = await assertRejects(() => at(1), Error);
    assertStringIncludes(early.message, "set this machine's clock");
    await assertRejects(() => at(4), Error, "one that expired on");
    await assertRejects(() => at(4000), Error, "fedx ca init"); // the CA's own time is over, too
    await Deno.writeTextFile(`${dir}/b/key.pem`, "no key");
    await assertRejects(() => at(2.5), Error, "expected the certificate of key.pem");
  }));

Deno.test("checkCertificate warns 30 days before expiry", () =>
  withCa(async (dir) => {
    await issue({ name: "b", role: "silo", ca: `${dir}/ca`, out: `${dir}/b`, lifetime: 29 * 86_400 });
    const checked = await checkCertificate(`${dir}/b`, { role: "silo", name: "b" });
    assert(checked.warning?.problem.includes("28 days"), checked.warning?.problem);
  }));

Deno.test("checkCertificate refuses several authorities in ca.pem, and certificates in cert.pem", () =>
  withCa(async (dir) => {
    const b = `${dir}/b`;
    await issue({ name: "b", role: "silo", ca: `${dir}/ca`, out: b });
    await initCa(`${dir}/foreign`);
    const check = () => checkCertificate(b, { role: "silo", name: "b" });
    const [own, foreign] = [`${b}/ca.pem`, `${dir}/foreign/ca.pem`].map((path) =>
      Deno.readTextFileSync(path)
    );
    await Deno.writeTextFile(`${b}/ca.pem`, own + foreign);
    const bundle = await assertRejects(check, Error, "got 2 certificates");
    assertStringIncludes(bundle.message, "copy ca.pem from the certificate authority's folder");
    await Deno.writeTextFile(`${b}/ca.pem`, own);
    await Deno.writeTextFile(`${b}/cert.pem`, await Deno.readTextFile(`${b}/cert.pem`) + own);
    await assertRejects(check, Error, "expected one PEM certificate, got 2 certificates");
  }));

Deno.test("issue refuses hosts that no peer would take: wildcards and what is no name", () =>
  withCa(async (dir) => {
    for (const host of ["*.example", "*", "hub example", "hub.", "-hub", "", "fe80::1%eth0"]) {
      const hub = {
        name: "hub",
        role: "aggregator",
        hosts: [host],
        ca: `${dir}/ca`,
        out: `${dir}/hub`,
      } as const;
      await assertRejects(() => issue(hub), RangeError, "without wildcards");
    }
    assertEquals(await issuedBy(`${dir}/ca`), []);
  }));

Deno.test("checkName refuses what would not be safe in a URI or file name", () => {
  checkName("clinic-7");
  for (const bad of ["", "../x", "a b", "a/b", "x".repeat(65)]) {
    let refused = false;
    try {
      checkName(bad);
    } catch (error) {
      refused = error instanceof RangeError;
    }
    assert(refused, bad);
  }
});
