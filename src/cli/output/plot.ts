// Why: a picture that cannot be drawn here is refused before any work, and the name's ending says what is wanted.
import { extname } from "node:path";
import { drawSvg } from "../../data/sharp.ts";
import { refusal } from "../../refusal.ts";
import { UsageError } from "../options/usage_error.ts";
import { checkOutput, writeOutput } from "./check_output.ts";

/**
 * Checks before any work that a chart can be written to `path`: an SVG or, where there is a font to draw its text with,
 * a PNG.
 *
 * @throws {UsageError} for any other ending · {Error} naming the path and the remedy.
 */
export async function checkPlot(path: string, options: { flag: string; force: boolean }): Promise<void> {
  const ending = extname(path);
  const kind = ending.toLowerCase();
  if (kind !== ".svg" && kind !== ".png") {
    throw refusal(UsageError, {
      what: `Cannot draw ${path}`,
      expected: "a file name that ends with .svg or .png",
      got: ending === "" ? "one without an ending" : ending,
      remedy: `name such a file with ${options.flag}`,
    });
  }
  await checkOutput(path, { ...options, kind: kind === ".svg" ? "svg" : "png" });
  if (kind === ".png" && !await canDrawText()) {
    throw refusal(Error, {
      what: `Cannot draw ${path}`,
      expected: "a font on this machine",
      got: "none",
      remedy: `install one (Debian: apt install fontconfig), or name a file that ends with .svg`,
    });
  }
}

/** Writes a chart to where `checkPlot` allowed it. */
export async function writePlot(path: string, svg: string): Promise<void> {
  await writeOutput(path, extname(path).toLowerCase() === ".png" ? await drawSvg(svg) : svg);
}

/** Without a font every letter is drawn as the same box. */
async function canDrawText(): Promise<boolean> {
  const letter = async (text: string) =>
    String(
      await drawSvg(
        `<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><text y="15">${text}</text></svg>`,
      ),
    );
  return await letter("I") !== await letter("W");
}
