/**
 * A process that notes for 40 bases, as fast as it can, with whom their updates are masked: against another one that
 * does so with other names.
 *
 * As a program: opens the site folder of its first argument, prints `ready`, and begins at a byte of standard input.
 */
import { fileURLToPath } from "node:url";
import { ProtocolError } from "../../src/fed/protocol/errors.ts";
import { Site } from "../../src/fed/state/site.ts";
import { childFlags } from "./child.ts";

const PROGRAM = fileURLToPath(import.meta.url);

/** Starts one; `begin` lets it note. It prints a line a base: `passed`, or the code that it was refused with. */
export async function startMasking(dir: string, names: readonly string[]) {
  const args = ["run", "-A", ...await childFlags(), PROGRAM, dir, ...names];
  const streams = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
  const child = new Deno.Command(Deno.execPath(), { args, ...streams }).spawn();
  const errors = new Response(child.stderr).text();
  const begin = () => ReadableStream.from([new Uint8Array(1)]).pipeTo(child.stdin);
  return { child, errors, begin };
}

if (import.meta.main) {
  const [dir, ...names] = Deno.args;
  using site = await Site.open(dir);
  console.log("ready");
  await Deno.stdin.read(new Uint8Array(1));
  for (let base = 0; base < 40; base++) {
    try {
      site.noteMasked({ silo: "a", shard: "s", base: String(base), names });
      console.log("passed");
    } catch (error) {
      console.log(error instanceof ProtocolError ? error.code : String(error));
    }
  }
}
