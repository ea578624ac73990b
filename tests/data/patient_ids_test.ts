import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { PatientIds } from "../../src/data/patient_ids.ts";
import { inFolder } from "../testing/folder.ts";
import { list } from "../testing/small_hospital.ts";

const SECRET = Uint8Array.from({ length: 32 }, (_, i) => i);

Deno.test("PatientIds.hash: HMAC-SHA-256 of the id in UTF-8, as Python's hmac gives it", () => {
  const ids = new PatientIds(SECRET);
  const python = {
    P0001: "919da83d3819573b1246ea463cb42121fd1be81668153b665b36ac60de2270c3",
    "Zoë 7": "97dfa62b116400a88acdc3823a3fe106074d7d365407cf703f2f51111395c7c5",
  };
  for (const [id, hex] of Object.entries(python)) assertEquals(ids.hash(id).toHex(), hex);
  const other = new PatientIds(SECRET.with(31, 0));
  assertNotEquals(other.hash("P0001"), ids.hash("P0001"));
  assertEquals([ids.site.length, ids.site === other.site], [64, false]);
});

Deno.test("PatientIds.open: the secret is made once, for its user only, also where several begin at once", () =>
  inFolder(async (dir) => {
    const site = `${dir}/share/site`;
    const opened = await Promise.all(Array.from({ length: 8 }, () => PatientIds.open(site)));
    assertEquals(new Set(opened.map((ids) => ids.site)).size, 1);
    assertEquals(opened.flatMap(({ made }) => made ?? []), [`${site}/patients.secret`]);
    const again = await PatientIds.open(site, { make: false });
    assertEquals([again.site, again.made], [opened[0].site, undefined]);
    assertEquals(await list(site), ["lock", "patients.secret"]);
    const { size, mode } = await Deno.stat(`${site}/patients.secret`);
    assertEquals([size, mode! & 0o777], [32, 0o600]);
    assertEquals((await Deno.stat(site)).mode! & 0o777, 0o700);
    assertNotEquals((await PatientIds.open(`${dir}/other`)).site, opened[0].site);
  }));

Deno.test("PatientIds.open: a secret that is short, long or open to others is refused with the remedy, and stays", () =>
  inFolder(async (dir) => {
    await PatientIds.open(dir + "/site");
    const path = `${dir}/site/patients.secret`;
    const good = await Deno.readFile(path);
    for (const bytes of [new Uint8Array(), good.subarray(1), new Uint8Array([...good, 0])]) {
      await Deno.writeFile(path, bytes);
      const text = `expected 32 bytes, got ${bytes.length} (remedy: put a copy of it back; without one`;
      await assertRejects(() => PatientIds.open(`${dir}/site`), RangeError, text);
      assertEquals(await Deno.readFile(path), bytes);
    }
    await Deno.writeFile(path, good);
    await Deno.chmod(path, 0o640);
    await assertRejects(
      () => PatientIds.open(`${dir}/site`),
      Error,
      `expected mode 0600, got 0640, so that others may read it (remedy: run: chmod 600 ${path})`,
    );
  }));

Deno.test("PatientIds.open without make: a folder without a secret is refused and none is made", () =>
  inFolder(async (dir) => {
    await assertRejects(
      () => PatientIds.open(`${dir}/none`, { make: false }),
      Error,
      "expected patients.secret in it, got none (remedy: name the site folder that the shard was prepared with",
    );
    assertEquals(await list(dir), []);
    // One that cannot be looked into is not taken for an empty one.
    await Deno.writeTextFile(`${dir}/file`, "");
    await assertRejects(
      () => PatientIds.open(`${dir}/file`, { make: false }),
      Error,
      `patients.secret: expected a file that fedx may read and write, got a file where a folder should be`,
    );
  }));
