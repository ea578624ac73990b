/** The rules of the source tree as programs: who may import whom, and what may stand where. */
import { fileURLToPath, pathToFileURL } from "node:url";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

interface Source {
  /** From the root, such as "src/fed/protocol/frame.ts". */
  path: string;
  text: string;
}

interface Edge {
  target: string;
  typeOnly: boolean;
  lazy: boolean;
}

/** Import lines, static and dynamic; a line of comment or text that merely mentions one does not match. */
function edges(text: string): Edge[] {
  const found: Edge[] = [];
  const fixed = /^(?:import|export)\s+(?:(type)\s+)?(?:([^"';]*?)\s*from\s*)?["']([^"']+)["']/gm;
  for (const [, type, names, target] of text.matchAll(fixed)) {
    const listed = /^\{(.*)\}$/s.exec(names?.trim() ?? "")?.[1].split(",").map((name) => name.trim()).filter(
      Boolean,
    );
    const typeOnly = type !== undefined ||
      (listed?.length ? listed.every((name) => name.startsWith("type ")) : false);
    found.push({ target, typeOnly, lazy: false });
  }
  for (const [, target] of text.matchAll(/^(?!\s*(?:\*|\/\/)).*\bimport\(\s*["']([^"']+)["']/gm)) {
    found.push({ target, typeOnly: false, lazy: true });
  }
  return found;
}

/** The part of the tree that a file belongs to. */
function part(path: string): string {
  if (path === "mod.ts") return "mod.ts";
  return path.startsWith("src/") ? path.split("/").slice(0, 2).join("/") : path.split("/")[0];
}

const MAY_IMPORT: Record<string, string[]> = {
  "mod.ts": ["src/cli", "src/fed", "src/model", "src/data"],
  "src/cli": ["src/cli", "src/fed", "src/model", "src/data"],
  "src/fed": ["src/fed", "src/model", "src/data"],
  "src/model": ["src/model", "src/shim"],
  "src/data": ["src/data"],
  "src/shim": ["src/shim"],
  "tools": ["tools", "mod.ts", "src/cli", "src/fed", "src/model", "src/data", "src/shim"],
  "bench": ["bench", "tests", "mod.ts", "src/cli", "src/fed", "src/model", "src/data", "src/shim"],
};

/** Inside src/fed: the two roles never import each other, and what they share imports neither. */
const ROOMS: Record<string, string[]> = {
  protocol: [],
  maths: ["protocol"],
  pki: ["protocol"],
  state: ["protocol"],
  wire: ["protocol", "pki", "state"],
  training: ["protocol", "maths"],
  aggregator: ["protocol", "maths", "pki", "state", "wire", "training"],
  silo: ["protocol", "maths", "pki", "state", "wire", "training"],
};

function room(path: string): string | undefined {
  return /^src\/fed\/([^/]+)\//.exec(path)?.[1];
}

/** src/cli looks libtorch up and fetches weights through pip; it never opens a library. */
const CLI_SHIM = "src/shim/libtorch/";
/** Packages that cost tens of milliseconds or open a native library: imported inside functions only. */
const LAZY = /^(sharp|@peculiar\/x509|reflect-metadata|@tensorflow\/)/;

function wrongEdges({ path, text }: Source): string[] {
  const from = part(path);
  const allowed = MAY_IMPORT[from] ?? [];
  return edges(text).flatMap((edge) => {
    if (!edge.target.startsWith(".")) {
      const bad = from.startsWith("src/") && LAZY.test(edge.target) && !edge.typeOnly && !edge.lazy;
      return bad ? [`${path} imports ${edge.target} at the top: import it inside a function`] : [];
    }
    const target = new URL(edge.target, `file:///${path}`).pathname.slice(1);
    const to = part(target);
    const [own, other] = [room(path), room(target)];
    if (own !== undefined && other !== undefined && own !== other && !ROOMS[own]?.includes(other)) {
      return [`${path} must not import ${target}: ${own} may import ${ROOMS[own] ?? "nothing"}`];
    }
    const fine = allowed.includes(to) ||
      (from === "src/cli" && target.startsWith(CLI_SHIM)) ||
      (from === "src/model" && to === "src/data" && edge.typeOnly);
    return fine ? [] : [`${path} must not import ${target}`];
  });
}

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

async function walk(folder: string): Promise<string[]> {
  const paths: string[] = [];
  try {
    for await (const entry of Deno.readDir(`${ROOT}${folder}`)) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory) paths.push(...await walk(path));
      else paths.push(path);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return paths;
}

async function sources(roots = ["src", "tools", "bench"]): Promise<Source[]> {
  const folders = await Promise.all(roots.map(walk));
  const paths = ["mod.ts", ...folders.flat()].filter((path) => path.endsWith(".ts"));
  return await Promise.all(
    paths.map(async (path) => ({ path, text: await Deno.readTextFile(`${ROOT}${path}`) })),
  );
}

Deno.test("architecture: imports go along the arrows, and nobody imports tools", async () => {
  assertEquals((await sources()).flatMap(wrongEdges), []);
});

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

Deno.test("architecture: each rule reports a file that breaks it", () => {
  const bad = (path: string, text: string) =>
    [...wrongEdges({ path, text }), ...wrongUses({ path, text })].length;
  assertEquals(bad("src/fed/silo/silo.ts", 'import { join } from "../aggregator/join.ts";'), 1);
  assertEquals(bad("src/fed/aggregator/run.ts", 'import type { Turn } from "../silo/turn.ts";'), 1);
  assertEquals(bad("src/fed/aggregator/run.ts", 'import { open } from "../state/folder.ts";'), 0);
  for (const from of Object.keys(ROOMS)) {
    for (const to of Object.keys(ROOMS)) {
      const text = `import { a } from "../${to}/a.ts";`;
      const allowed = from === to || ROOMS[from].includes(to);
      assertEquals(bad(`src/fed/${from}/b.ts`, text), allowed ? 0 : 1, `${from} → ${to}`);
      assert(!allowed || from === to || !ROOMS[to].includes(from), `${from} ↔ ${to}`);
    }
  }
  assertEquals(bad("src/fed/silo/silo.ts", 'import { open } from "../../shim/library.ts";'), 1);
  assertEquals(bad("src/data/shard.ts", 'export { philox } from "../model/philox.ts";'), 1);
  assertEquals(bad("src/model/engine.ts", 'import { Shard } from "../data/shard.ts";'), 1);
  assertEquals(bad("src/model/engine.ts", 'import { type A, b } from "../data/shard.ts";'), 1);
  assertEquals(bad("src/model/engine.ts", 'import type { Shard } from "../data/shard.ts";'), 0);
  assertEquals(bad("src/model/engine.ts", 'import { type A, type B } from "../data/shard.ts";'), 0);
  assertEquals(bad("src/cli/main.ts", 'const x = await import("../../tools/bootstrap.ts");'), 1);
  assertEquals(bad("src/cli/main.ts", 'import {\n  a,\n  b,\n} from "../shim/symbols.ts";'), 1);
  assertEquals(
    bad("src/cli/main.ts", 'import { findLibtorch } from "../shim/libtorch/find.ts";'),
    0,
  );
  assertEquals(bad("src/shim/libtorch/pip.ts", 'import "../../model/recipe.ts";'), 1);
  assertEquals(bad("mod.ts", 'export * from "./src/shim/symbols.ts";'), 1);
  assertEquals(bad("src/data/decode.ts", 'import sharp from "sharp";'), 1);
  assertEquals(bad("src/data/decode.ts", 'import type { Sharp } from "sharp";'), 0);
  assertEquals(bad("src/fed/silo/silo.ts", "const library = Deno.dlopen(path, {});"), 1);
  assertEquals(bad("src/fed/silo/silo.ts", 'console.log("joined");'), 1);
  assertEquals(bad("src/fed/silo/silo.ts", "// console.log is for src/cli\n"), 0);
  assertEquals(bad("src/data/shard.ts", 'import http2 from "node:http2";'), 1);
  assertEquals(bad("src/model/libraries.ts", 'const x = new URL("..", import.meta.' + "url).pathname;"), 1);
  assertEquals(["src/fed/utils.ts", "src/types/a.ts", "native/common.h"].flatMap(wrongName).length, 3);
  assertEquals(wrongName("src/fed/protocol/event.ts"), []);
});

/** Imports modules in a Deno that may read no file, no variable, no network; returns what it says. */
async function importBare(modules: string[]): Promise<string> {
  const build = `${ROOT}native/build`;
  const map = await Deno.stat(`${build}/import_map.json`).then(
    () => [`--import-map=${build}/import_map.json`],
    () => [],
  );
  const flags = [
    "--quiet",
    "--no-prompt",
    "--no-check",
    `--config=${ROOT}deno.json`,
    `--lock=${build}/deno.lock`,
  ];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", ...flags, ...map, "-"],
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", RUST_BACKTRACE: "0" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(modules.map((module) => `import "${module}";\n`).join("")));
  await writer.close();
  const { success, stderr } = await child.output();
  return success ? "" : new TextDecoder().decode(stderr).trim().split("\n")[0];
}

Deno.test("architecture: importing a module opens, reads and fetches nothing", async () => {
  const modules = (await sources()).map(({ path }) => path).filter((path) => /^(src\/|mod\.ts)/.test(path));
  assertEquals(await importBare(modules.map((path) => pathToFileURL(`${ROOT}${path}`).href)), "");
  const bad = `data:text/javascript,${encodeURIComponent('Deno.readTextFileSync("/etc/hostname")')}`;
  assertStringIncludes(await importBare([bad]), "read access");
});

/** Text that a tracked file must not hold; written in parts, so that this file holds none. */
const FORBIDDEN = [
  ["pypi", "org"],
  ["pythonhosted", "org"],
  ["registry.npmjs", "org"],
  ["npmjs", "com"],
  ["jsr", "io"],
  ["download.pytorch", "org"],
].map((parts) => parts.join("."));
const MACHINE_PATH = /(?<![\w.$}/])\/(?:work|root|home\/[a-z]+|Users\/[A-Za-z]+|opt\/wheels)\//;

function forbidden({ path, text }: Source): string[] {
  const hits: string[] = FORBIDDEN.filter((host) => text.includes(host));
  const machine = MACHINE_PATH.exec(text)?.[0];
  if (machine) hits.push(machine);
  return hits.map((hit) => `${path} holds ${hit}`);
}

Deno.test("architecture: no tracked file holds a registry's host or a path of one machine", async () => {
  const git = new Deno.Command("git", { args: ["ls-files", "-z"], cwd: ROOT, stderr: "null" });
  const { success, stdout } = await git.output();
  const listed = success ? new TextDecoder().decode(stdout).split("\0").filter(Boolean) : [];
  const paths = success
    ? listed
    : (await Promise.all(["src", "tools", "tests", "bench", "native"].map(walk))).flat();
  const found: string[] = [];
  for (const path of paths) {
    const text = await Deno.readTextFile(`${ROOT}${path}`).catch(() => "");
    found.push(...forbidden({ path, text }));
  }
  assertEquals(found, []);
  const example = ["", "root", "x"].join("/") + " files.pythonhosted" + ".org";
  assertEquals(forbidden({ path: "x.ts", text: example }).length, 2);
});
