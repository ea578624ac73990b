/** `deterministic`: the same bits from the same input, engine beside engine and process after process. */
import { fileURLToPath } from "node:url";
import { digest } from "../../src/files/digest.ts";
import { FIGURES } from "../../tools/gpu/figures.ts";
import { childFlags } from "../testing/child.ts";
import { check } from "./check.ts";
import { chunkOf, startWeights, trainingFilms } from "./films.ts";
import { findPlace, type Place } from "./place.ts";
import { readState } from "./state.ts";

/** Where another process writes what it computed: set in it alone. */
const ANOTHER = "FEDX_GPU_BITS";
const place = await findPlace();

/** How an engine computes. */
interface Way {
  precision: "fp32" | Place["half"];
  graph: boolean;
}

/** On the CPU a graph is the steps themselves, and one way is as good as four. */
function waysOf({ gpu, half }: Place): Way[] {
  const precisions = gpu ? ["fp32", half] as const : [half];
  return precisions.flatMap((precision) =>
    (gpu ? [false, true] : [true]).map((graph) => ({ precision, graph }))
  );
}

/** A digest of everything that a few steps leave. */
async function bits(place: Place, way: Way): Promise<string> {
  using engine = await place.engine({ ...way, deterministic: true });
  using films = await trainingFilms(place);
  await engine.writeVector(await startWeights(place));
  const { losses, norms } = await engine.train(films.data, chunkOf(place, place.gpu ? 10 : 2));
  const { vector, m, v, vmax, scalars } = await readState(place.libs, engine);
  return digest([losses, norms, vector, m, v, vmax, JSON.stringify(scalars)].map(digest).join());
}

async function allBits(place: Place): Promise<string[]> {
  const all: string[] = [];
  for (const way of waysOf(place)) all.push(await bits(place, way));
  return all;
}

/** Runs this file's checks, or the program that they are bundled into, in a process of its own, for its bits alone. */
async function bitsOfAnother(): Promise<string[]> {
  const self = fileURLToPath(import.meta.url), out = await Deno.makeTempFile();
  const bundled = ["--no-config", "--no-lock", "--cached-only", "--no-remote", "--no-npm"];
  const flags = self.endsWith(".js") ? bundled : await childFlags();
  try {
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "--quiet", "--no-check", "--allow-all", ...flags, "--filter", ANOTHER, self],
      env: { [ANOTHER]: out, [FIGURES]: "/dev/null", DENO_NO_UPDATE_CHECK: "1" },
    }).output();
    const said = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
    if (!success) throw new Error(`Cannot compute in another process: it failed\n${said}`);
    return JSON.parse(await Deno.readTextFile(out));
  } finally {
    await Deno.remove(out);
  }
}

const another = Deno.env.get(ANOTHER);
if (another !== undefined) {
  Deno.test(`the bits for ${ANOTHER}`, async () => {
    await Deno.writeTextFile(another, JSON.stringify(await allBits(place!)));
  });
}

check(
  place,
  { group: "deterministic", name: "the same bits twice, and in another process" },
  async (place, say) => {
    const ways = waysOf(place), alone = await allBits(place), elsewhere = await bitsOfAnother();
    for (const [i, way] of ways.entries()) {
      const name = `${way.precision}, ${way.graph ? "graph" : "eager"}`;
      const beside = await Promise.all([bits(place, way), bits(place, way)]);
      say.holds(`${name}: two engines at once`, beside.every((one) => one === alone[i]));
      say.holds(`${name}: another process`, elsewhere[i] === alone[i]);
    }
    say.holds(
      "graph or eager: one result a precision",
      new Set(ways.map(({ precision }) => precision)).size === new Set(alone).size,
    );
  },
);
