/**
 * Puts each fault of list.ts into a copy of the source and runs the tests that must notice it: `task mutants [TEXT]`,
 * where TEXT picks those whose line holds it. Exits 1 if one lives, or if a test fails without a fault.
 */
import { fileURLToPath } from "node:url";
import { type Mutant, MUTANTS } from "./list.ts";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** A fault that makes a test wait for ever is noticed too, by this many seconds; all tests together have more. */
const PATIENCE = 300, ALL = 1800;

async function output(
  words: string[],
  cwd: string,
  seconds = PATIENCE,
): Promise<{ code: number; text: string }> {
  const [program, ...args] = words;
  const signal = AbortSignal.timeout(seconds * 1000);
  const command = new Deno.Command(program, { args, cwd, signal, stdout: "piped", stderr: "piped" });
  const { code, stdout, stderr } = await command.output();
  return { code, text: [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("") };
}

/** What git knows of a folder. */
export async function files(dir: string, folder: string): Promise<string[]> {
  const { text } = await output(["git", "ls-files", folder], dir);
  return text.trim().split("\n");
}

/** The one file under src/ and native/ that holds the text. */
export async function fileOf(dir: string, { text }: Mutant, paths: string[]): Promise<string> {
  const found: string[] = [];
  for (const path of paths) {
    const parts = (await Deno.readTextFile(`${dir}/${path}`)).split(text).length - 1;
    for (let i = 0; i < parts; i++) found.push(path);
  }
  if (found.length === 1) return found[0];
  throw new Error(
    `Cannot make the mutant: expected one place with ${text}, got ${found.join(", ") || "none"}`,
  );
}

/** The paths of the tests that must notice it. */
export async function testsOf({ tests }: Mutant, all: string[]): Promise<string[]> {
  return await Promise.all(tests.map((name) => {
    const found = all.filter((path) => path === name || path.endsWith(`/${name}`));
    if (found.length === 1) return found[0];
    throw new Error(`Cannot make the mutant: expected one test file ${name}, got ${found.length}`);
  }));
}

/** Runs test files in the copy, as far as the first that fails. */
function test(dir: string, tests: string[], seconds: number): Promise<{ code: number; text: string }> {
  return output([Deno.execPath(), "task", "test", "--no-check", "--fail-fast", ...tests], dir, seconds);
}

async function main([wanted = ""]: string[]): Promise<number> {
  const dir = await Deno.makeTempDir({ prefix: "fedx-mutants-" });
  try {
    await output(["git", "clone", "--quiet", ROOT, dir], ROOT);
    await output(["cp", "-r", `${ROOT}native/build`, `${dir}/native/`], ROOT);
    const sources = [...await files(dir, "src"), ...await files(dir, "native")];
    const tests = await files(dir, "tests");
    const mutants = await Promise.all(
      MUTANTS.filter(({ text }) => text.includes(wanted))
        .map(async (one) => ({
          ...one,
          path: await fileOf(dir, one, sources),
          tests: await testsOf(one, tests),
        })),
    );
    const all = [...new Set(mutants.flatMap((one) => one.tests))];
    const { code, text } = await test(dir, all, ALL);
    if (code !== 0) {
      console.log(`the tests fail without a fault\n${text}`);
      return 1;
    }
    let alive = 0;
    for (const [i, { path, text, fault, tests }] of mutants.entries()) {
      const sound = await Deno.readTextFile(`${dir}/${path}`);
      await Deno.writeTextFile(`${dir}/${path}`, sound.replace(text, () => fault));
      const lives = (await test(dir, tests, PATIENCE)).code === 0;
      await Deno.writeTextFile(`${dir}/${path}`, sound);
      if (lives) alive++;
      const line = text.split("\n")[0];
      console.log(`${i + 1} of ${mutants.length} ${lives ? "LIVES " : "killed"} ${path}: ${line}`);
    }
    console.log(`${mutants.length - alive} of ${mutants.length} mutants killed`);
    return alive === 0 ? 0 : 1;
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
