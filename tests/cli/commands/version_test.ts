import { assertEquals } from "@std/assert";
import { main } from "../../../src/cli/main.ts";
import { VERSION } from "../../../src/version.ts";

/** What the command prints. */
async function printed(args: string[]): Promise<string> {
  const lines: string[] = [];
  const write = Deno.stdout.writeSync;
  Deno.stdout.writeSync = (bytes) => (lines.push(new TextDecoder().decode(bytes)), bytes.length);
  try {
    assertEquals(await main(args), 0);
  } finally {
    Deno.stdout.writeSync = write;
  }
  return lines.join("");
}

Deno.test("version names deno.json's version and each shim that is built here", async () => {
  const { fedx, shims } = JSON.parse(await printed(["version", "--json"]));
  const about = JSON.parse(await Deno.readTextFile(new URL("../../../deno.json", import.meta.url)));
  assertEquals([fedx, VERSION], [about.version, about.version]);
  const built = [...Deno.readDirSync(new URL("../../../native/build/", import.meta.url))]
    .map(({ name }) => name).filter((name) => /^libfedx-(cpu|cuda)\.json$/.test(name));
  assertEquals(shims.length, built.length);
});
