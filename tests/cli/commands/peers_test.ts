import { assert, assertEquals, assertMatch, assertNotEquals, assertStringIncludes } from "@std/assert";
import { initCa, issue } from "../../../src/fed/pki/ca.ts";
import { caDigest } from "../../../src/fed/pki/issuer.ts";
import { checkCertificate } from "../../../src/fed/pki/own_certificate.ts";
import { Site } from "../../../src/fed/state/site.ts";
import { inFolder } from "../../testing/folder.ts";
import { runCommand } from "../../testing/run_command.ts";

const B = "b".repeat(64), C = "c".repeat(64);

/** A hospital a with its certificate folder `tls` and site folder `site`, and `fedx peers` there. */
async function withPeers(
  body: (o: {
    dir: string;
    own: string;
    peers: (...more: string[]) => ReturnType<typeof runCommand>;
    pinned: () => Promise<Record<string, string>>;
    seen: (silo: string, key: string) => Promise<void>;
  }) => Promise<void>,
): Promise<void> {
  await inFolder(async (dir) => {
    await initCa(`${dir}/ca`);
    const { keyDigest: own } = await issue({ name: "a", role: "silo", ca: `${dir}/ca`, out: `${dir}/tls` });
    const ca = caDigest(await Deno.readTextFile(`${dir}/tls/ca.pem`));
    const at = async <T>(work: (site: Site) => T): Promise<T> => {
      using site = await Site.open(`${dir}/site`);
      return work(site);
    };
    await body({
      dir,
      own,
      peers: (...more) => runCommand("peers", "--tls", `${dir}/tls`, "--site", `${dir}/site`, ...more),
      pinned: () => at((site) => Object.fromEntries(site.pinned(ca))),
      seen: (silo, key) => at((site) => site.noteSeen(ca, { silo, key, at: "2026-11-29T10:00:00Z" })),
    });
  });
}

Deno.test("peers shows this hospital's own key, that of its certificate, which a renewal keeps", () =>
  withPeers(async ({ dir, own, peers }) => {
    const { code, stdout } = await peers();
    assertEquals(code, 0);
    assertMatch(stdout, new RegExp(`^a: this hospital's own key.*\\n  ${own}\\n`));
    assertStringIncludes(stdout, "no key is pinned");
    assertEquals((await checkCertificate(`${dir}/tls`, { role: "silo" })).keyDigest, own);
    const der = `${dir}/key.der`;
    const args = ["x509", "-in", `${dir}/tls/cert.pem`, "-pubkey", "-noout", "-out", `${dir}/pub.pem`];
    assertEquals((await new Deno.Command("openssl", { args }).output()).code, 0);
    const convert = ["pkey", "-pubin", "-in", `${dir}/pub.pem`, "-outform", "DER", "-out", der];
    assertEquals((await new Deno.Command("openssl", { args: convert }).output()).code, 0);
    const hash = await crypto.subtle.digest("SHA-256", await Deno.readFile(der));
    assertEquals(new Uint8Array(hash).toHex(), own);
  }));

Deno.test("peers --pin pins what is written out, in any spelling, and the own key with it; --unpin takes them away again", () =>
  withPeers(async ({ own, peers, pinned }) => {
    const colons = C.toUpperCase().match(/../g)!.join(":");
    const { code, stdout } = await peers("--pin", `b=${B},c=${colons}`, "--json");
    assertEquals(code, 0);
    assertEquals(await pinned(), { a: own, b: B, c: C });
    const shown = JSON.parse(stdout);
    assertEquals([shown.silo, shown.key, shown.peers.b], ["a", own, { pinned: B, seen: null }]);
    assertStringIncludes((await peers()).stdout, `b: pinned\n  ${B}\nc: pinned\n  ${C}\n`);
    await peers("--unpin", "b");
    assertEquals(await pinned(), { a: own, c: C });
    await peers("--unpin", "c"); // the own key alone would refuse every masked run
    assertEquals(await pinned(), {});
  }));

Deno.test("peers shows the key that was seen beside the pin, and never pins it by a name alone", () =>
  withPeers(async ({ own, peers, pinned, seen }) => {
    await seen("b", B);
    await seen("c", C);
    assertStringIncludes(
      (await peers()).stdout,
      `b: not pinned; seen on 2026-11-29, through the aggregator\n  ${B}\n`,
    );
    const { code, stderr } = await peers("--pin", "b");
    assertEquals(code, 2);
    assertMatch(
      stderr,
      new RegExp(`^Cannot pin b: expected NAME=KEY, got a name alone; .* ${B} .*fedx peers --pin b=${B}`),
    );
    assertEquals(await pinned(), {});
    await peers("--pin", `b=${B},c=${B.replace("b", "1")}`);
    const { stdout } = await peers();
    assertStringIncludes(stdout, `b: pinned\n  ${B}\n`);
    assertStringIncludes(stdout, `but another key was seen on 2026-11-29\n  ${C}\n`);
    assertEquals((await pinned()).a, own);
  }));

Deno.test("peers refuses a mistyped key, a second key, a key of two names and an unknown name, each with a sentence, and pins nothing", () =>
  withPeers(async ({ own, peers, pinned }) => {
    const cases: [string[], RegExp][] = [
      [
        ["--pin", `b=${B.slice(2)}`],
        /^Cannot pin b: expected a SHA-256 of 64 hex digits, got 62 \(remedy: have b read/,
      ],
      [["--pin", `b=${B.replace("b", "g")}`], /^Cannot pin b: expected a SHA-256 in hex digits.*, got "g"/],
      [["--pin", `../b=${B}`], /^Cannot use the name "\.\.\/b"/],
      [["--pin", `b=${B},b=${C}`], /^Cannot pin b: expected one key, got two/],
      [["--pin", `b=${B},c=${B}`], /^Cannot pin c: expected a key of its own, got that of b/],
      [["--pin", `b=${own}`], /^Cannot pin a: expected a key of its own, got that of b/],
      [["--pin", `a=${B}`], /^Cannot pin a: expected this hospital's own key, [0-9a-f]{64}, got another one/],
      [
        ["--pin", "c"],
        /^Cannot pin c: expected NAME=KEY, got a name alone \(remedy: have c read out its key/,
      ],
      [["--unpin", "d"], /^Cannot unpin d: expected a name that is pinned, got none/],
    ];
    for (const [args, text] of cases) {
      const { code, stderr, stdout } = await peers(...args);
      assertEquals([code, stdout], [2, ""], args.join(" "));
      assertMatch(stderr, text);
    }
    assertEquals(await pinned(), {});
    await peers("--pin", `b=${B}`);
    assertMatch(
      (await peers("--pin", `c=${B}`)).stderr,
      /^Cannot pin c: expected a key of its own, got that of b/,
    );
    assertMatch((await peers("--unpin", "b", "--pin", `b=${C}`)).stderr, /^Cannot unpin b: .*got both/);
    assertMatch((await peers("--unpin", "d")).stderr, /expected a name that is pinned, got not one of a, b/);
    assertEquals(await pinned(), { a: own, b: B });
  }));

Deno.test("peers: keys are pinned for one authority, and a new own key is told until it is pinned", () =>
  withPeers(async ({ dir, own, peers, pinned }) => {
    await peers("--pin", `b=${B}`);
    await initCa(`${dir}/other-ca`);
    await issue({ name: "a", role: "silo", ca: `${dir}/other-ca`, out: `${dir}/other-tls` });
    const elsewhere = await runCommand("peers", "--tls", `${dir}/other-tls`, "--site", `${dir}/site`);
    assertStringIncludes(elsewhere.stdout, "no key is pinned");
    await Deno.remove(`${dir}/tls`, { recursive: true });
    const { keyDigest: next } = await issue({ name: "a", role: "silo", ca: `${dir}/ca`, out: `${dir}/tls` });
    assertNotEquals(next, own);
    assertStringIncludes(
      (await peers()).stdout,
      `pinned is another, ${own}\n  → fedx peers --pin a=${next}\n`,
    );
    assert((await peers("--pin", `a=${next}`)).code === 0);
    assertEquals((await pinned()).a, next);
  }));

Deno.test("peers reads --tls and --site from the silo's section of a settings file", () =>
  withPeers(async ({ dir, own }) => {
    await Deno.writeTextFile(`${dir}/fedx.toml`, '[silo.a]\ntls = "tls"\nsite = "site"\nshard = "s"\n');
    const { stdout } = await runCommand("peers", "--config", `${dir}/fedx.toml`, "--json");
    assertEquals(JSON.parse(stdout).key, own);
  }));
