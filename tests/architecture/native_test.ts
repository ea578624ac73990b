/**
 * The rooms of native/: who may include whom. In a room a file and its header count as one, so that both ways between
 * two are a circle; the headers that lie beside the rooms are the ground of all.
 */
import { assertEquals } from "@std/assert";
import { includesOf } from "../../tools/objects.ts";
import { circlesIn } from "./circles.ts";
import { walk } from "./sources.ts";

const MAY_INCLUDE: Record<string, string[]> = {
  device: ["ground"],
  engine: ["ground", "device"],
  ground: [],
  abi: ["ground", "engine"],
  launcher: [],
  tests: ["ground", "engine", "device"],
};

type Graph = ReadonlyMap<string, readonly string[]>;

function room(path: string): string {
  if (path.includes("/")) return path.split("/")[0];
  return path.endsWith(".h") ? "ground" : "abi";
}

function module(path: string): string {
  return path.includes("/") ? path.replace(/\.(cpp|c|h)$/, "") : path;
}

function wrong(graph: Graph): string[] {
  return [...graph].flatMap(([path, included]) =>
    included.filter((other) => room(other) !== room(path) && !MAY_INCLUDE[room(path)]?.includes(room(other)))
      .map((other) => `${path} must not include ${other}`)
  );
}

function circles(graph: Graph): string[][] {
  const modules = new Map<string, string[]>();
  for (const [path, included] of graph) {
    const others = included.map(module).filter((other) => other !== module(path));
    modules.set(module(path), [...modules.get(module(path)) ?? [], ...others]);
  }
  return circlesIn(modules);
}

async function tree(): Promise<Graph> {
  const paths = (await walk("native")).map((path) => path.slice("native/".length));
  const sources = paths.filter((path) => !path.startsWith("build/") && /\.(cpp|c|h)$/.test(path));
  return new Map(await Promise.all(sources.map(async (path) => [path, await includesOf(path)] as const)));
}

Deno.test("architecture: includes of native/ go along the arrows, and none leads round", async () => {
  const graph = await tree();
  assertEquals([wrong(graph), circles(graph)], [[], []]);
});

Deno.test("architecture: an include of native/ against the arrows is reported, and so is a circle", () => {
  const graph = (edges: Record<string, string[]>) => new Map(Object.entries(edges));
  for (const from of Object.keys(MAY_INCLUDE)) {
    for (const to of Object.keys(MAY_INCLUDE)) {
      const files: Record<string, string> = { ground: "fedx.h", abi: "fedx.cpp" };
      const name = (folder: string) => files[folder] ?? `${folder}/a.h`;
      const allowed = from === to || MAY_INCLUDE[from].includes(to);
      assertEquals(wrong(graph({ [name(from)]: [name(to)] })).length, allowed ? 0 : 1, `${from} → ${to}`);
    }
  }
  const launcher = { "launcher/main.c": ["launcher/place.h"], "launcher/place.c": ["launcher/main.h"] };
  assertEquals(circles(graph(launcher)), [
    ["launcher/main", "launcher/place"],
    ["launcher/place", "launcher/main"],
  ]);
  assertEquals(
    circles(graph({ "x/a.cpp": ["x/a.h", "x/b.h"], "x/b.h": ["fedx.h"], "fedx.cpp": ["fedx.h", "x/a.h"] })),
    [],
  );
});
