/** What git holds: no trace of one machine, and nothing that a walk-through writes into the clone. */
import { assert, assertEquals } from "@std/assert";
import { PINNED_DENO } from "../../src/version.ts";
import { pages } from "../testing/pages.ts";
import { ROOT, type Source, walk } from "./sources.ts";

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

/** Every tracked file; where this is no checkout, every file of the program and its tests. */
async function trackedFiles(): Promise<Source[]> {
  const git = new Deno.Command("git", { args: ["ls-files", "-z"], cwd: ROOT, stderr: "null" });
  const { success, stdout } = await git.output();
  const paths = success
    ? new TextDecoder().decode(stdout).split("\0").filter(Boolean)
    : (await Promise.all(["src", "tools", "tests", "bench", "native"].map(walk))).flat();
  return await Promise.all(
    paths.map(async (path) => ({ path, text: await Deno.readTextFile(`${ROOT}${path}`).catch(() => "") })),
  );
}

/** A Deno that a text runs by version, if it is not the pinned one. */
function otherDeno({ path, text }: Source): string[] {
  const named = [...text.matchAll(/\bdeno@(\d+\.\d+\.\d+)/g)].map(([, version]) => version);
  return named.filter((version) => version !== PINNED_DENO).map((version) => `${path} runs Deno ${version}`);
}

Deno.test("architecture: a tracked file that runs Deno by version runs the pinned one", async () => {
  const files = await trackedFiles();
  assertEquals(files.flatMap(otherDeno), []);
  assert(files.some(({ text }) => text.includes(`deno@${PINNED_DENO}`)));
  const text = ["npx -y deno", "2.9.4 task test"].join("@");
  assertEquals(otherDeno({ path: "README.md", text }), ["README.md runs Deno 2.9.4"]);
});

Deno.test("architecture: no tracked file holds a registry's host or a path of one machine", async () => {
  assertEquals((await trackedFiles()).flatMap(forbidden), []);
  const example = ["", "root", "x"].join("/") + " files.pythonhosted" + ".org";
  assertEquals(forbidden({ path: "x.ts", text: example }).length, 2);
});

const checkout = await Deno.stat(`${ROOT}.git`).then(() => true, () => false);

Deno.test(".gitignore: what the pages' commands write into the clone, keys above all, is never added", {
  ignore: !checkout,
}, async () => {
  const text = (await pages()).map((page) => page.text).join("");
  const made = [...text.matchAll(/--(?:out|plot|state) ([a-z][\w.-]*)/g)].map(([, name]) => name);
  const names = [
    ...new Set([...made, "films-a", "fedx-radiographs", "shard-a.partial", "m.safetensors"]),
  ];
  const paths = names.map((name) => name.includes(".") ? name : `${name}/key.pem`);
  const git = new Deno.Command("git", {
    args: ["check-ignore", "--no-index", ...paths],
    cwd: ROOT,
    stderr: "null",
  });
  const { stdout } = await git.output();
  assertEquals(new TextDecoder().decode(stdout).trim().split("\n"), paths);
});

Deno.test("architecture: no tracked file is larger than 256 KiB: no weights, no images, no results of a run", async () => {
  const large: string[] = [];
  for (const { path } of await trackedFiles()) {
    const { size } = await Deno.stat(`${ROOT}${path}`);
    if (size > 256 << 10) large.push(`${path}: ${size} bytes`);
  }
  assertEquals(large, []);
});
