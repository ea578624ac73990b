/** Processes of this Deno that tests start. */
import { fileURLToPath } from "node:url";

/** The flags that this process resolves its imports with, for its children. */
export async function childFlags(): Promise<string[]> {
  const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
  const line = (await Deno.readTextFile("/proc/self/cmdline")).split("\0");
  const at = line.findIndex((argument) => argument.startsWith("--import-map"));
  if (at < 0) return ["--config", config];
  const map = line[at].includes("=") ? [line[at]] : [line[at], line[at + 1]];
  return ["--config", config, "--no-lock", ...map];
}

/** Whole lines of what a process prints. */
export async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let held = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (held + text).split("\n");
    held = lines.pop()!;
    yield* lines;
  }
}
