/** Who may import whom. */
import { assert, assertEquals } from "@std/assert";
import { edges, fileOf, part, type Source, sources } from "./sources.ts";

/** Everything that programs for developers may import, beside each other. */
const PROGRAM = ["mod.ts", "src/cli", "src/fed", "src/model", "src/data", "src/shim", "src/files"];

const MAY_IMPORT: Record<string, string[]> = {
  "mod.ts": ["src/cli", "src/fed", "src/model", "src/data", "src/files"],
  "src/cli": ["src/cli", "src/fed", "src/model", "src/data", "src/files"],
  "src/fed": ["src/fed", "src/model", "src/data", "src/files"],
  "src/model": ["src/model", "src/shim", "src/files"],
  "src/data": ["src/data", "src/files"],
  "src/shim": ["src/shim", "src/files"],
  "src/files": ["src/files"],
  "tools": ["tools", ...PROGRAM],
  "bench": ["bench", "tests", ...PROGRAM],
};

/** What a file directly in src/ holds is for every part, so it imports none of them, others of its kind alone. */
const GROUND = /^src\/[^/]+\.ts$/;

/** Inside src/fed: the two roles never import each other, and what they share imports neither. */
const ROOMS: Record<string, string[]> = {
  protocol: [],
  maths: ["protocol"],
  pki: ["protocol"],
  state: ["protocol"],
  masks: ["protocol", "maths", "pki", "state"],
  audit: ["protocol", "pki", "state"],
  wire: ["protocol", "pki", "masks"],
  training: ["protocol", "maths", "masks"],
  aggregator: ["protocol", "maths", "pki", "state", "masks", "audit", "wire", "training"],
  silo: ["protocol", "maths", "pki", "state", "masks", "audit", "wire", "training"],
  flower: ["protocol", "maths", "pki", "state", "wire", "training"],
};

/** What messages say of the model; of a shard the protocol knows types alone. */
const PROTOCOL_MODEL = ["recipe.ts", "layout.ts", "networks/networks.ts", "weights/model_file.ts"].map((
  file,
) => `src/model/${file}`);

function room(path: string): string | undefined {
  return /^src\/fed\/([^/]+)\//.exec(path)?.[1];
}

/** What the stages of `task gpu` write their figures with; nothing else of tools/ is for others. */
const FIGURES = "tools/gpu/figures.ts";

/** src/cli looks libtorch up and fetches weights through pip; it never opens a library. */
const CLI_SHIM = "src/shim/libtorch/";
/** Packages that cost tens of milliseconds or open a native library: imported inside functions only. */
const LAZY = /^(sharp|@peculiar\/x509|reflect-metadata|@tensorflow\/)/;

function wrongEdges({ path, text }: Source): string[] {
  const from = part(path);
  const allowed = MAY_IMPORT[from] ?? [];
  return edges(text).flatMap((edge) => {
    const target = fileOf(path, edge.target);
    if (target === null) {
      const bad = from.startsWith("src/") && LAZY.test(edge.target) && !edge.typeOnly && !edge.lazy;
      return bad ? [`${path} imports ${edge.target} at the top: import it inside a function`] : [];
    }
    const to = part(target);
    const [own, other] = [room(path), room(target)];
    if (own !== undefined && other !== undefined && own !== other && !ROOMS[own]?.includes(other)) {
      return [`${path} must not import ${target}: ${own} may import ${ROOMS[own] ?? "nothing"}`];
    }
    if (own === "protocol" && /^src\/(model|data)\//.test(target)) {
      const fine = PROTOCOL_MODEL.includes(target) || (to === "src/data" && edge.typeOnly);
      return fine ? [] : [`${path} must not import ${target}: protocol may import ${PROTOCOL_MODEL}`];
    }
    const fine = allowed.includes(to) ||
      GROUND.test(target) ||
      (GROUND.test(path) && target === "deno.json") ||
      (from === "src/cli" && target.startsWith(CLI_SHIM)) ||
      (from === "bench" && target === FIGURES) ||
      (from === "src/model" && to === "src/data" && edge.typeOnly);
    return fine ? [] : [`${path} must not import ${target}`];
  });
}

Deno.test("architecture: imports go along the arrows, and nobody imports tools", async () => {
  assertEquals((await sources()).flatMap(wrongEdges), []);
});

Deno.test("architecture: an import against the arrows is reported", () => {
  const bad = (path: string, text: string) => wrongEdges({ path, text }).length;
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
  assertEquals(bad("src/fed/protocol/plan.ts", 'import { Engine } from "../../model/engine.ts";'), 1);
  assertEquals(bad("src/fed/protocol/plan.ts", 'import { preset } from "../../model/recipe.ts";'), 0);
  assertEquals(bad("src/fed/protocol/plan.ts", 'import { Shard } from "../../data/shard.ts";'), 1);
  assertEquals(bad("src/fed/silo/silo.ts", 'import { open } from "../../shim/library.ts";'), 1);
  assertEquals(bad("src/data/shard.ts", 'import { digest } from "../files/digest.ts";'), 0);
  assertEquals(bad("src/files/digest.ts", 'import { fetchTorch } from "../shim/libtorch/fetch.ts";'), 1);
  assertEquals(bad("src/data/shard.ts", 'export { philox } from "../model/philox.ts";'), 1);
  assertEquals(bad("src/files/digest.ts", 'import { VERSION } from "../version.ts";'), 0);
  assertEquals(bad("tools/dn.ts", 'import { VERSION } from "../src/version.ts";'), 0);
  assertEquals(bad("bench/gpu/real.ts", 'import { figure } from "../../tools/gpu/figures.ts";'), 0);
  assertEquals(bad("bench/gpu/real.ts", 'import { buildShim } from "../../tools/native.ts";'), 1);
  assertEquals(bad("src/version.ts", 'import { digest } from "./files/digest.ts";'), 1);
  assertEquals(bad("src/label_rule.ts", 'import { FINDINGS } from "./data/findings.ts";'), 1);
  assertEquals(bad("src/label_rule.ts", 'import { refusal } from "./refusal.ts";'), 0);
  assertEquals(bad("src/version.ts", 'import about from "../deno.json" with { type: "json" };'), 0);
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
});
