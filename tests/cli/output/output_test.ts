import { fileURLToPath } from "node:url";
import { assertEquals } from "@std/assert";
import { childFlags } from "../../testing/child.ts";

const OUTPUT = fileURLToPath(new URL("../../../src/cli/output/output.ts", import.meta.url));

Deno.test("Output: a line that stderr does not take, on a full disk say, ends nothing", async () => {
  const code = `
    import { Output } from ${JSON.stringify(OUTPUT)};
    const output = await Output.create({ json: false });
    output.line("lost");
    output.result({}, "the result");
  `;
  const program = [Deno.execPath(), "eval", ...await childFlags(), code];
  const args = ["-c", 'exec "$@" 2>/dev/full', "sh", ...program];
  const { code: status, stdout } = await new Deno.Command("sh", { args }).output();
  assertEquals([status, new TextDecoder().decode(stdout)], [0, "the result\n"]);
});
