import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import type * as x509 from "@peculiar/x509";
import { issuedBy } from "../../../src/fed/pki/authority.ts";
import { initCa } from "../../../src/fed/pki/ca.ts";
import { checkCertificate } from "../../../src/fed/pki/own_certificate.ts";
import { makeRequest, signRequest } from "../../../src/fed/pki/certificate_request.ts";
import { alternativeNames, CURVE, EKU, library } from "../../../src/fed/pki/x509.ts";
import { inFolder } from "../../testing/folder.ts";

/** Whom the signer means. */
const AS_B = { name: "b", role: "silo" } as const;

const withCa = (body: (dir: string) => Promise<void>) =>
  inFolder(async (dir) => {
    await initCa(`${dir}/ca`);
    await body(dir);
  });

/** Writes a request as another program might make it. */
async function handMade(
  path: string,
  options: { cn?: string; extensions?: x509.Extension[]; keys?: CryptoKeyPair; algorithm?: typeof CURVE } =
    {},
): Promise<string> {
  const lib = await library();
  const keys = options.keys ?? await crypto.subtle.generateKey(CURVE, true, ["sign", "verify"]);
  const csr = await lib.Pkcs10CertificateRequestGenerator.create({
    name: `CN=${options.cn ?? "b"}`,
    keys,
    signingAlgorithm: options.algorithm ?? CURVE,
    extensions: options.extensions ?? [],
  });
  await Deno.writeTextFile(path, csr.toString("pem"));
  return path;
}

async function names(...all: x509.JsonGeneralName[]): Promise<x509.Extension> {
  return new (await library()).SubjectAlternativeNameExtension(all);
}

Deno.test("makeRequest and signRequest: the site's own key with the certificate that comes back passes, in both roles", () =>
  withCa(async (dir) => {
    for (const role of ["silo", "aggregator"] as const) {
      const out = `${dir}/${role}`;
      const made = await makeRequest({ name: "b", role, out, hosts: ["hub.example", "10.0.0.7"] });
      assertEquals((await Deno.stat(made.keyFile)).mode! & 0o777, 0o600);
      const waits = await assertRejects(() => checkCertificate(out, { role, name: "b" }), Error);
      assertStringIncludes(
        waits.message,
        `(remedy: put the ca.pem there that comes back for ${made.request} from `,
      );
      const signed = await signRequest({
        request: made.request,
        name: "b",
        role,
        ca: `${dir}/ca`,
        out: `${dir}/back-${role}`,
      });
      assertEquals([signed.name, signed.role, signed.key], ["b", role, made.key]);
      assertEquals(signed.hosts, role === "silo" ? [] : ["hub.example", "10.0.0.7"]);
      assertEquals(signed.ignored, []);
      for (const name of ["cert.pem", "ca.pem"]) {
        await Deno.copyFile(`${dir}/back-${role}/${name}`, `${out}/${name}`);
      }
      const checked = await checkCertificate(out, { role, name: "b" });
      assertEquals(checked.fingerprint, signed.fingerprint);
      await assertRejects(() => Deno.stat(`${dir}/back-${role}/key.pem`), Deno.errors.NotFound);
    }
  }));

Deno.test("makeRequest uses the folder's key again for a renewal, and refuses one that others may read", () =>
  inFolder(async (dir) => {
    const first = await makeRequest({ name: "b", role: "silo", out: dir });
    const again = await makeRequest({ name: "b", role: "silo", out: dir });
    assertEquals([first.renewal, again.renewal, again.key], [false, true, first.key]);
    await Deno.chmod(first.keyFile, 0o640);
    await assertRejects(() => makeRequest({ name: "b", role: "silo", out: dir }), Error, "chmod 600");
    await Deno.writeTextFile(first.keyFile, "no key");
    await Deno.chmod(first.keyFile, 0o600);
    await assertRejects(() => makeRequest({ name: "b", role: "silo", out: dir }), SyntaxError, "P-256");
    assertEquals(await Deno.readTextFile(first.keyFile), "no key");
  }));

Deno.test("signRequest writes the certificate alone to a .pem file, and over nothing", () =>
  withCa(async (dir) => {
    const { request } = await makeRequest({ name: "b", role: "silo", out: `${dir}/b` });
    const options = { request, ...AS_B, ca: `${dir}/ca`, out: `${dir}/cert-b.pem` };
    const signed = await signRequest(options);
    assertEquals([signed.cert, signed.ca], [options.out, null]);
    const before = await issuedBy(`${dir}/ca`);
    await assertRejects(() => signRequest(options), Deno.errors.AlreadyExists, "--out");
    await assertRejects(() => signRequest({ ...options, out: `${dir}/ca` }), Deno.errors.AlreadyExists);
    assertEquals(await issuedBy(`${dir}/ca`), before);
    assertEquals(before.map(({ name, role, key }) => [name, role, key]), [["b", "silo", signed.key]]);
  }));

Deno.test("signRequest tells when another key holds a certificate of the name", () =>
  withCa(async (dir) => {
    const sign = async (site: string, out: string) => {
      const { request } = await makeRequest({ name: "b", role: "silo", out: `${dir}/${site}` });
      return await signRequest({ request, ...AS_B, ca: `${dir}/ca`, out: `${dir}/${out}.pem` });
    };
    assertEquals((await sign("first", "1")).other, null);
    assertEquals((await sign("first", "2")).other, null, "a renewal");
    assert((await sign("second", "3")).other !== null);
  }));

Deno.test("signRequest takes nothing else from a request: no CA, no key usage, no second purpose", () =>
  withCa(async (dir) => {
    const lib = await library();
    const san = await names(...alternativeNames("silo", { name: "b", hosts: [] }));
    const request = await handMade(`${dir}/r.pem`, {
      extensions: [
        san,
        new lib.BasicConstraintsExtension(true, 9, true),
        new lib.KeyUsagesExtension(lib.KeyUsageFlags.keyCertSign, true),
      ],
    });
    const signed = await signRequest({ request, ...AS_B, ca: `${dir}/ca`, out: `${dir}/c.pem` });
    assertEquals(signed.ignored, ["2.5.29.19", "2.5.29.15"]);
    const cert = new lib.X509Certificate(await Deno.readTextFile(signed.cert));
    assertEquals(cert.getExtension(lib.BasicConstraintsExtension)?.ca, false);
    assertEquals(cert.getExtension(lib.KeyUsagesExtension)?.usages, lib.KeyUsageFlags.digitalSignature);
    assertEquals(cert.getExtension(lib.ExtendedKeyUsageExtension)?.usages.map(String).join(), EKU.silo);
    assertEquals(cert.getExtension(lib.SubjectAlternativeNameExtension)?.names.toJSON(), [
      { type: "url", value: "urn:fedx:silo:b" },
    ]);
  }));

Deno.test("signRequest refuses a name, a role, a key or a signature that is not the request's own", () =>
  withCa(async (dir) => {
    const lib = await library();
    const uri = { type: "url", value: "urn:fedx:silo:b" } as const;
    const dns = { type: "dns", value: "hub.example" } as const;
    const P384 = { ...CURVE, namedCurve: "P-384" } as unknown as typeof CURVE;
    const cases: [Parameters<typeof handMade>[1], string][] = [
      [{}, "no names"],
      [{ extensions: [await names(uri, dns)] }, "url urn:fedx:silo:b, dns hub.example"],
      [{ extensions: [await names(uri, { type: "url", value: "urn:fedx:silo:c" })] }, "urn:fedx:silo:c"],
      [{ extensions: [await names({ type: "email", value: "b@hub.example" })] }, "email"],
      [{ cn: "c", extensions: [await names(uri)] }, "urn:fedx:silo:c of its common name"],
      [{ cn: "b/../c", extensions: [await names(dns)] }, "letters, digits"],
      [{ cn: "b\x1b[2K", extensions: [await names(uri)] }, "letters, digits"],
      [{ extensions: [await names({ type: "url", value: "urn:fedx:silo:\x1b[2K" })] }, "silo:\\x1b[2K"],
      [{ extensions: [await names(dns, { type: "dns", value: "hub\x1b[2K" })] }, "DNS names and addresses"],
      [{ extensions: [await names(uri), new lib.ExtendedKeyUsageExtension([EKU.aggregator])] }, EKU.silo],
      [
        { extensions: [await names(dns), new lib.ExtendedKeyUsageExtension([EKU.silo, EKU.aggregator])] },
        EKU.aggregator,
      ],
      [{
        extensions: [await names(uri)],
        keys: await crypto.subtle.generateKey(P384, true, ["sign", "verify"]),
        algorithm: P384,
      }, "EC P-256"],
    ];
    const sign = (request: string) => signRequest({ request, ...AS_B, ca: `${dir}/ca`, out: `${dir}/c.pem` });
    for (const [options, text] of cases) {
      const request = await handMade(`${dir}/r.pem`, options);
      const error = await assertRejects(() => sign(request), Error);
      assertStringIncludes(error.message, text);
      assertStringIncludes(error.message, "fedx ca request");
      assertMatch(error.message, /^[\x20-\x7e]+$/, "nothing that a terminal acts on");
    }
    // Every byte of a good request is under its signature, or is the signature.
    const good = new lib.Pkcs10CertificateRequest(
      await Deno.readTextFile(await handMade(`${dir}/r.pem`, { extensions: [await names(uri)] })),
    );
    const der = new Uint8Array(good.rawData);
    for (let i = 4; i < der.length; i += 7) {
      const changed = der.slice();
      changed[i] ^= 0x01;
      await Deno.writeTextFile(`${dir}/x.pem`, lib.PemConverter.encode(changed, "CERTIFICATE REQUEST"));
      await assertRejects(() => sign(`${dir}/x.pem`), Error, "Cannot sign", `byte ${i}`);
    }
    await Deno.writeTextFile(`${dir}/x.pem`, "x".repeat(70_000));
    await assertRejects(() => sign(`${dir}/x.pem`), Error, "at most 65536 bytes");
    assertEquals(await issuedBy(`${dir}/ca`), []);
  }));
