/** What may stand where: native libraries, printed lines, the network, names, and how much of it. */
import { assertEquals } from "@std/assert";
import { part, type Source, sources, walk } from "./sources.ts";

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/(^|\s)\/\/.*$/gm, "$1");
}

function wrongUses({ path, text }: Source): string[] {
  const code = withoutComments(text);
  const wrong: string[] = [];
  const ffi = /\bDeno\.(dlopen|Unsafe\w+)\b/.exec(code);
  if (ffi && path !== "src/shim/library.ts") {
    wrong.push(`${path} uses ${ffi[0]}: only src/shim/library.ts may`);
  }
  const print = /\bconsole\.\w+|\bDeno\.(stdout|stderr)\b|\bprocess\.(stdout|stderr)\b/.exec(code);
  const prints = path.startsWith("src/cli/") || part(path) === "tools" || part(path) === "bench";
  if (print && !prints) wrong.push(`${path} uses ${print[0]}: only src/cli prints`);
  const network = /\bfetch\(|\bDeno\.(connect|listen|serve)\w*\(|["']node:(http2?|https|net|tls)["']/.exec(
    code,
  );
  if (network && /^src\/(data|model)\//.test(path)) wrong.push(`${path} uses the network (${network[0]})`);
  return [...wrong, ...wrongPaths({ path, text })];
}

/** A URL's pathname is percent-encoded: in a folder with a space it names no file. */
function wrongPaths({ path, text }: Source): string[] {
  const bad = /import\.meta\.url\)\s*\.pathname\b/.test(withoutComments(text));
  return bad ? [`${path} takes a URL's pathname for a path: use fileURLToPath`] : [];
}

function wrongName(path: string): string[] {
  const bad = /(?:^|\/)(?:utils?|helpers?|common|types?)(?:\.|\/|$)/.test(path);
  return bad ? [`${path}: a file or folder is named for its one idea`] : [];
}

Deno.test("architecture: libraries are opened in src/shim/library.ts, lines are printed in src/cli", async () => {
  assertEquals((await sources()).filter(({ path }) => !path.startsWith("bench/")).flatMap(wrongUses), []);
});

Deno.test("architecture: no path is taken from a URL's pathname, tests included", async () => {
  assertEquals((await sources(["src", "tools", "bench", "tests"])).flatMap(wrongPaths), []);
});

Deno.test("architecture: no file is called utils, helpers, common or types", async () => {
  const paths = (await Promise.all(["src", "tools", "bench", "tests", "native"].map(walk))).flat();
  assertEquals(paths.filter((path) => !path.startsWith("native/build/")).flatMap(wrongName), []);
});

Deno.test("architecture: a file that does what another place is for is reported", () => {
  const bad = (path: string, text: string) => wrongUses({ path, text }).length;
  assertEquals(bad("src/fed/silo/silo.ts", "const library = Deno.dlopen(path, {});"), 1);
  assertEquals(bad("src/fed/silo/silo.ts", 'console.log("joined");'), 1);
  assertEquals(bad("src/fed/silo/silo.ts", "// console.log is for src/cli\n"), 0);
  assertEquals(bad("src/data/shard.ts", 'import http2 from "node:http2";'), 1);
  assertEquals(bad("src/model/libraries.ts", 'const x = new URL("..", import.meta.' + "url).pathname;"), 1);
  assertEquals(["src/fed/utils.ts", "src/types/a.ts", "native/common.h"].flatMap(wrongName).length, 3);
  assertEquals(wrongName("src/fed/protocol/event.ts"), []);
});
