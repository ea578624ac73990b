import { assertEquals, assertStringIncludes } from "@std/assert";
import { checkSite } from "../../../../src/cli/commands/doctor/site.ts";
import { initCa } from "../../../../src/fed/pki/ca.ts";
import { caDigest } from "../../../../src/fed/pki/issuer.ts";
import { Site } from "../../../../src/fed/state/site.ts";
import { MASKED, proposalOf } from "../../../testing/fake_federation.ts";
import { inFolder } from "../../../testing/folder.ts";

const open = proposalOf(new Float32Array(1));
const masked = { ...open, ...MASKED };

/** A site folder and an authority; `pin` pins these silos. */
async function withSite(
  body: (o: { dir: string; ca: string; pin: (...silos: string[]) => Promise<void> }) => Promise<void>,
): Promise<void> {
  await inFolder(async (dir) => {
    await initCa(`${dir}/ca`);
    const ca = await Deno.readTextFile(`${dir}/ca/ca.pem`);
    await body({
      ...{ dir: `${dir}/site`, ca },
      async pin(...silos) {
        using site = await Site.open(`${dir}/site`);
        for (const silo of silos) site.pin(caDigest(ca), { silo, key: "1".repeat(64) });
      },
    });
  });
}

Deno.test("checkSite: without pins the authority is trusted, with a warning, unless the settings say otherwise", () =>
  withSite(async ({ dir, ca }) => {
    for (const proposal of [null, masked]) {
      const [site, peers] = await checkSite(dir, { ca, proposal });
      assertEquals([site.ok, peers.ok], [true, true]);
      assertStringIncludes(peers.detail, "is trusted");
      assertStringIncludes(peers.remedy!, "fedx peers");
      const [, strict] = await checkSite(dir, { ca, proposal, accept: { trustCa: false } });
      assertEquals(strict.ok, false);
      assertStringIncludes(strict.remedy!, "fedx peers");
    }
    const [, unmasked] = await checkSite(dir, { ca, proposal: open, accept: { trustCa: false } });
    assertEquals([unmasked.ok, unmasked.remedy], [true, undefined]);
    assertEquals((await checkSite(dir, { ca: null, proposal: null })).map(({ ok }) => ok), [true, null]);
  }));

Deno.test("checkSite: some pinned and not all of the proposal's is a fault that names them; all are good", () =>
  withSite(async ({ dir, ca, pin }) => {
    await pin("a", "b");
    const [, some] = await checkSite(dir, { ca, proposal: masked });
    assertEquals(some.ok, false);
    assertStringIncludes(some.remedy!, "fedx peers --pin c=KEY");
    assertStringIncludes((await checkSite(dir, { ca, proposal: null }))[1].detail, "2 keys pinned: a, b");
    await pin("c");
    const [, all] = await checkSite(dir, { ca, proposal: masked, accept: { trustCa: false } });
    assertEquals([all.ok, all.remedy], [true, undefined]);
  }));

Deno.test("checkSite: a folder that cannot be used is a fault with its remedy", () =>
  withSite(async ({ dir, ca }) => {
    await Deno.writeTextFile(dir, "");
    const [site, peers] = await checkSite(dir, { ca, proposal: null });
    assertEquals([site.ok, peers.ok], [false, null]);
    assertStringIncludes(site.remedy!, "name another folder with --site");
  }));
