import { assertEquals, assertStringIncludes } from "@std/assert";
import { checkClock, checkIdentity, checkRevocations } from "../../../../src/cli/commands/doctor/identity.ts";
import { initCa, issue } from "../../../../src/fed/pki/ca.ts";
import { checkCertificate } from "../../../../src/fed/pki/own_certificate.ts";
import { revoke } from "../../../../src/fed/pki/revoke.ts";
import { inFolder } from "../../../testing/folder.ts";

Deno.test("checkIdentity: good, soon over, expired, foreign CA, wrong role, other name, readable key, no folder", () =>
  inFolder(async (dir) => {
    const ca = `${dir}/ca`;
    await initCa(ca);
    await initCa(`${dir}/foreign`);
    const silo = { name: "b", role: "silo", ca } as const;
    await issue({ ...silo, out: `${dir}/good` });
    await issue({ ...silo, out: `${dir}/soon`, lifetime: 10 * 86_400 });
    await issue({ ...silo, out: `${dir}/old`, lifetime: -60 });
    await issue({ ...silo, out: `${dir}/open` });
    await Deno.chmod(`${dir}/open/key.pem`, 0o644);
    await issue({ ...silo, out: `${dir}/mixed` });
    await Deno.copyFile(`${dir}/foreign/ca.pem`, `${dir}/mixed/ca.pem`);
    await issue({ name: "hub", role: "aggregator", ca, out: `${dir}/hub` });
    await issue({ ...silo, name: "c", out: `${dir}/c` });
    const look = (folder: string) => checkIdentity(`${dir}/${folder}`, { role: "silo", name: "b" });
    const good = await look("good");
    assertEquals(good.ok, true);
    const { keyDigest } = await checkCertificate(`${dir}/good`, { role: "silo" });
    assertStringIncludes(good.detail, `key ${keyDigest}`);
    const soon = await look("soon");
    assertEquals(soon.ok, true);
    assertStringIncludes(soon.detail, "expires in 9 days");
    assertStringIncludes(soon.remedy!, "fedx ca request");
    const cases = [
      ["old", "one that expired on", "fedx ca request"],
      ["mixed", "expected a certificate of this CA", "fedx ca sign"],
      ["hub", "role silo", "fedx ca request b"],
      ["c", "the name c", "--silo c"],
      ["open", "mode 0600", "chmod 600"],
      ["none", "ca.pem", "fedx ca"],
    ];
    for (const [folder, detail, remedy] of cases) {
      const check = await look(folder);
      assertEquals(check.ok, false, folder);
      assertStringIncludes(check.detail, detail);
      assertStringIncludes(check.remedy!, remedy);
    }
    assertEquals((await checkIdentity(undefined, { role: "silo" })).ok, null);
  }));

Deno.test("checkRevocations counts a good list and fails on a damaged one", () =>
  inFolder(async (dir) => {
    const [ca, tls] = [`${dir}/ca`, `${dir}/hub`];
    await initCa(ca);
    await issue({ name: "hub", role: "aggregator", ca, out: tls });
    await issue({ name: "b", role: "silo", ca, out: `${dir}/b` });
    assertStringIncludes((await checkRevocations(tls)).detail, "no certificate");
    await revoke({ name: "b", ca, tls });
    assertStringIncludes((await checkRevocations(tls)).detail, "1 certificate revoked");
    await Deno.writeTextFile(`${tls}/revoked.json`, "{}");
    const check = await checkRevocations(tls);
    assertEquals(check.ok, false);
    assertStringIncludes(check.remedy!, "fedx ca revoke");
    assertEquals((await checkRevocations(undefined)).ok, null);
  }));

Deno.test("checkClock fails on a clock that was never set and on one apart from the aggregator's", () => {
  const now = new Date(Date.UTC(2026, 5, 1));
  assertEquals(checkClock(now, 3).ok, true);
  assertEquals(checkClock(now, null).ok, true);
  for (const [date, ahead] of [[new Date(0), null], [now, 600], [now, -600]] as const) {
    const check = checkClock(date, ahead);
    assertEquals(check.ok, false);
    assertStringIncludes(check.remedy!, "NTP");
  }
});
