/** What a refused run says must be enough to mend all of it at once. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { PrepareEvent } from "../../src/data/prepare.ts";
import { isRefusal } from "../../src/refusal.ts";
import { withHospital } from "../testing/small_hospital.ts";

Deno.test("prepareShard: every row is checked before too many unusable ones stop it, and that it will is told", () =>
  withHospital(60, async ({ dir, lines, prepare }) => {
    lines[1] = "f0.png,No Finding|Mass,,training";
    lines[2] = "f1,,0,train";
    for (const i of [10, 11, 12]) await Deno.remove(`${dir}/images/f${i}.png`);
    for (const i of [57, 58]) await Deno.writeTextFile(`${dir}/images/f${i}.png`, "no image");
    await Deno.copyFile(`${dir}/images/f25.png`, `${dir}/images/f5.png`);
    const told: PrepareEvent[] = [];
    let done = 0;
    const error = await assertRejects(
      () => prepare({ onProgress: (rows) => done = rows, onEvent: (event) => told.push(event) }),
      Error,
    );
    assertEquals(done, 60);
    assertEquals(told.filter(({ type }) => type === "exceeded"), [{ type: "exceeded", out: 4, rows: 60 }]);
    assert(isRefusal(error));
    assertEquals(
      error.got,
      `8 of 60: bad_label 2 (e.g. no Image Index or no Patient ID; "No Finding" beside a finding; ` +
        `split "training", not one of train, val, test), missing_file 3, not_an_image 2, ` +
        "duplicate_pixels_across_splits 1",
    );
    const listed = (await Deno.readTextFile(`${dir}/out/shard.quarantine.csv`)).trim().split("\n").slice(1);
    assertEquals(listed.map((line) => Number(line.split(",")[0])), [2, 3, 7, 12, 13, 14, 59, 60]);
    const also = "an empty finding label; Cannot read the image file: it is missing; what is there is f1.png";
    assertEquals(listed[1], `3,f1,bad_label,"${also}"`);
    // One correction by that list is enough.
    const good = lines.map((line) => line.replace("f1,,", "f1.png,No Finding,"));
    const out = [2, 7, 12, 13, 14, 59, 60];
    lines.splice(0, 61, ...good.filter((_, i) => !out.includes(i + 1)));
    assertEquals((await prepare()).images, 53);
  }));

Deno.test("prepareShard: names without their ending are told by the ending, and in the list by the file that is there", () =>
  withHospital(60, async ({ dir, lines, prepare }) => {
    lines.forEach((line, i) => lines[i] = line.replace(".png", i === 1 ? ".jpg" : ""));
    const error = await assertRejects(() => prepare(), Error);
    assert(
      error.message.includes(
        "missing_file 60 (for 60 of them the list names a file that is there, ending in .png)",
      ),
    );
    assert(!error.message.includes("f1.png"), "a file name in an error");
    const listed = (await Deno.readTextFile(`${dir}/out/shard.quarantine.csv`)).split("\n");
    assert(
      listed[1].startsWith("2,f0.jpg,missing_file,") && listed[1].includes("what is there is f0.png"),
      listed[1],
    );
    assert(listed[60].includes("what is there is f59.png"));
  }));
