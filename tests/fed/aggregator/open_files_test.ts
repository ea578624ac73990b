import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { requireOpenFiles } from "../../../src/fed/aggregator/open_files.ts";
import { childFlags } from "../../testing/child.ts";
import { inFolder } from "../../testing/folder.ts";

const SOURCE = new URL("../../../src/fed/aggregator/open_files.ts", import.meta.url).href;

Deno.test("requireOpenFiles refuses a limit below 256, naming it and where it is raised, and nothing where none is known", () => {
  for (const limit of [256, null]) requireOpenFiles(limit);
  const error = assertThrows(() => requireOpenFiles(255), ProtocolError);
  assertEquals([error.code, error.got], ["too_few_files", "255"]);
  for (const remedy of ["ulimit -n", "LimitNOFILE"]) assertStringIncludes(error.remedy, remedy);
});

Deno.test("openFiles finds the limit with no more permissions than the one file gives a role, and closes its files", () =>
  inFolder(async (dir) => {
    const program = `${dir}/program.ts`;
    await Deno.writeTextFile(
      program,
      `import { openFiles } from "${SOURCE}";\nconsole.log(openFiles(), openFiles());\n`,
    );
    const deno = [Deno.execPath(), "run", "--quiet", "--no-prompt", "--allow-read", ...await childFlags()];
    for (const limit of [128, 255, 256, 400]) {
      const args = ["-c", 'ulimit -n "$0"; exec "$@"', String(limit), ...deno, program];
      const { stdout, stderr } = await new Deno.Command("sh", { args }).output();
      const [found, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
      const seen = Math.min(limit, 256);
      assertEquals(found, `${seen} ${seen}\n`, errors);
    }
  }));
