import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { lineChart } from "../../../src/cli/output/chart.ts";
import { checkPlot, writePlot } from "../../../src/cli/output/plot.ts";
import { UsageError } from "../../../src/cli/options/usage_error.ts";
import { decodeImage } from "../../../src/data/decode.ts";
import { loadSharp } from "../../../src/data/sharp.ts";
import { inFolder } from "../../testing/folder.ts";
import { assertRefused, run } from "../../testing/program.ts";

const evaluate = (plot: string) => ["evaluate", "--model", "none", "--shard", "none", "--plot", plot];
const chart = lineChart([{ name: "a", points: [[0, 0.5], [1, 0.9]] }], { title: "t", x: "x", y: "y" });

Deno.test("a plot of another ending than .svg and .png is refused with the two", () =>
  inFolder(async (dir) => {
    for (const [name, got] of [["roc.pdf", ".pdf"], ["roc", "one without an ending"]]) {
      const error = await assertRejects(
        () => checkPlot(`${dir}/${name}`, { flag: "--plot", force: true }),
        UsageError,
      );
      const expected = `expected a file name that ends with .svg or .png, got ${got} (remedy: `;
      assert(error.message.startsWith(`Cannot draw ${dir}/${name}: ${expected}`), error.message);
    }
    await checkPlot(`${dir}/ROC.SVG`, { flag: "--plot", force: false });
    assertEquals(await Array.fromAsync(Deno.readDir(dir)), []);
  }));

Deno.test("evaluate refuses a plot that it cannot draw before it looks at the model, with exit 2", () =>
  inFolder(async (cwd) => {
    const { code, stdout, stderr } = await run(evaluate("roc.gif"), { cwd });
    assertEquals([code, stdout], [2, ""]);
    assertMatch(stderr, /^Cannot draw roc\.gif: .* got \.gif \(remedy: .*--plot\)\n$/);
  }));

Deno.test("evaluate refuses a PNG on a machine without a font, where its text would be boxes", () =>
  inFolder(async (cwd) => {
    const FONTCONFIG_FILE = `${cwd}/fonts.conf`;
    await Deno.writeTextFile(FONTCONFIG_FILE, '<?xml version="1.0"?><fontconfig></fontconfig>');
    const finished = await run(evaluate("roc.png"), { cwd, env: { FONTCONFIG_FILE } });
    assertRefused(
      finished,
      /^Cannot draw roc\.png: expected a font on this machine, got none \(remedy: .*\.svg\)/,
    );
  }));

Deno.test("a chart is written as SVG or PNG by the name's ending, the PNG on a light background", () =>
  inFolder(async (dir) => {
    await writePlot(`${dir}/a.svg`, chart);
    assertEquals(await Deno.readTextFile(`${dir}/a.svg`), chart);
    await writePlot(`${dir}/a.PNG`, chart);
    const sharp = await loadSharp();
    const { width, height } = await sharp(`${dir}/a.PNG`).metadata();
    assertEquals([width, height], [840, 644]);
    const pixels = await sharp(`${dir}/a.PNG`).raw().toBuffer();
    assertEquals([...pixels.subarray(0, 4)], [0xfb, 0xfb, 0xfa, 0xff]);
  }));

Deno.test("a film that is an SVG is refused after a chart was drawn as before", () =>
  inFolder(async (dir) => {
    await writePlot(`${dir}/a.png`, chart);
    await assertRejects(() => decodeImage(new TextEncoder().encode(chart), { size: 8 }));
    const sharp = await loadSharp();
    await assertRejects(() => sharp(new TextEncoder().encode(chart)).raw().toBuffer(), Error, "unsupported");
  }));
