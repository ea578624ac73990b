/** A file is one idea: what has grown past 300 lines holds several. */
import { assertEquals } from "@std/assert";
import { ROOT, walk } from "./sources.ts";

const MOST = 300;
const CODE = /\.(ts|c|cpp|h|py)$/;

interface Length {
  path: string;
  lines: number;
}

function tooLong(files: readonly Length[]): string[] {
  return files.filter(({ lines }) => lines > MOST).map(({ path }) => path);
}

Deno.test("architecture: no file has more than 300 lines", async () => {
  const paths = (await Promise.all(["src", "native", "tools", "bench", "tests"].map(walk))).flat()
    .filter((path) => CODE.test(path) && !path.startsWith("native/build/"));
  const files = await Promise.all(paths.map(async (path) => {
    const text = await Deno.readTextFile(`${ROOT}${path}`);
    return { path, lines: text.split("\n").length - 1 };
  }));
  assertEquals(tooLong(files), []);
});

Deno.test("architecture: a file of 301 lines is reported, one of 300 is not", () => {
  assertEquals(tooLong([{ path: "a.ts", lines: 300 }, { path: "b.ts", lines: 301 }]), ["b.ts"]);
});
