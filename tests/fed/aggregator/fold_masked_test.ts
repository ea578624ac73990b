import { assert, assertEquals, assertRejects } from "@std/assert";
import { digest } from "../../../src/files/digest.ts";
import { foldFiles, foldMaskedFiles, type VectorFile } from "../../../src/fed/aggregator/fold_files.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { inFolder } from "../../testing/folder.ts";
import { golden, goldenDelta, LAYOUT, maskedUpdate, SCALE } from "../../testing/masked_updates.ts";
import { vectorWith } from "../../testing/measured_roles.ts";

const BASE = vectorWith(LAYOUT.length, 1);
/** Of the roster's four the third has no step. */
const TRAINED = [0, 1, 3];
const TOTAL = TRAINED.reduce((sum, k) => sum + golden.examples[k], 0);

/** The roster's masked and unmasked updates, staged. */
async function stage(dir: string) {
  const masked: VectorFile[] = [], open = [];
  for (const k of golden.examples.keys()) {
    const delta = TRAINED.includes(k) ? goldenDelta(k) : null;
    const path = `${dir}/${k}`;
    const written = await maskedUpdate(k, { delta, out: path });
    masked.push({ path, sha256: written.sha256, what: `the update of ${golden.readies[k].silo}` });
    if (delta !== null) {
      open.push({ path: `${path}.delta`, sha256: digest(delta), examples: golden.examples[k] });
    }
  }
  const base = { path: `${dir}/base`, sha256: digest(BASE) };
  await Deno.writeFile(base.path, new Uint8Array(BASE.buffer));
  const options = { base, layout: LAYOUT, scale: SCALE, out: `${dir}/out` };
  return { masked, open, options: { ...options, total: TOTAL } };
}

Deno.test("foldMaskedFiles: equals foldFiles of the unmasked updates bit for bit, in any order", async () => {
  await inFolder(async (dir) => {
    const { masked, open, options } = await stage(dir);
    const expected = await foldFiles(open, options);
    let stretches = 0;
    const onStretch = () => void stretches++;
    assertEquals(await foldMaskedFiles(masked, { ...options, onStretch }), expected);
    assertEquals(stretches, 2, "262,144 values of each at a time");
    assertEquals(digest(await Deno.readFile(options.out)), expected.sha256);
    assertEquals(await foldMaskedFiles(masked.toReversed(), options), expected);
  });
});

Deno.test("foldMaskedFiles: more files are read in smaller stretches, so that as much is in memory", async () => {
  await inFolder(async (dir) => {
    const { masked, options } = await stage(dir);
    const none = { path: `${dir}/none`, sha256: digest(new BigUint64Array(LAYOUT.length)) };
    await Deno.writeFile(none.path, new Uint8Array(8 * LAYOUT.length));
    const expected = await foldMaskedFiles(masked, options);
    let stretches = 0;
    const onStretch = () => void stretches++;
    const many = [...masked, ...Array(28).fill(none)];
    assertEquals(await foldMaskedFiles(many, { ...options, onStretch }), expected);
    assertEquals(stretches, 10, "32,768 values of each of 32 at a time");
  });
});

Deno.test("foldMaskedFiles: a damaged, short or missing file is refused by name", async () => {
  await inFolder(async (dir) => {
    const { masked, options } = await stage(dir);
    const refused = async (text: string) => {
      const error = await assertRejects(() => foldMaskedFiles(masked, options), ProtocolError, text);
      assertEquals(error.code, "damaged_state");
      assert(error.message.includes("the update of east"), error.message);
    };
    const bytes = await Deno.readFile(masked[1].path);
    bytes[bytes.length - 8] ^= 1; // the lowest bit of a value: the sum stays in range
    await Deno.writeFile(masked[1].path, bytes);
    await refused("SHA-256");
    await Deno.truncate(masked[1].path, 100);
    await refused("got 100");
    await Deno.remove(masked[1].path);
    await refused("got no file");
  });
});

Deno.test("foldMaskedFiles: without one of the roster, or with one masked for others, the sum is refused naming a tensor", async () => {
  await inFolder(async (dir) => {
    const { masked, options } = await stage(dir);
    const stranger = await maskedUpdate(3, {
      delta: goldenDelta(3),
      out: `${dir}/stranger`,
      privateKey: golden.otherKey.privateKey,
    });
    const wrong: VectorFile[][] = [
      ...masked.keys().map((k) => masked.toSpliced(k, 1)),
      masked.with(3, { path: `${dir}/stranger`, sha256: stranger.sha256 }),
      [...masked, masked[0]],
    ];
    for (const files of wrong) {
      const error = await assertRejects(
        () => foldMaskedFiles(files, options),
        ProtocolError,
        "a mean change below",
      );
      assertEquals(error.code, "out_of_range");
      assert(LAYOUT.tensors.some(({ name }) => error.expected.endsWith(`in ${name}`)), error.expected);
    }
  });
});

Deno.test("foldMaskedFiles: without any update it is refused", async () => {
  const base = { path: "none", sha256: digest(BASE) };
  const options = { base, layout: LAYOUT, scale: SCALE, out: "none", total: TOTAL };
  await assertRejects(() => foldMaskedFiles([], options), RangeError, "got none");
});
