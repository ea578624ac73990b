import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { loaderVariables } from "../../../src/shim/libtorch/loader_variables.ts";
import { inFolder } from "../../testing/folder.ts";

const MODULE = fileURLToPath(new URL("../../../src/shim/libtorch/loader_variables.ts", import.meta.url));

/** Prints what `env` gets of the linker's variables and of ours. */
const PROGRAM = `import { loaderVariables } from ${JSON.stringify(MODULE)};
const { stdout } = await new Deno.Command("env", { env: loaderVariables() }).output();
const lines = new TextDecoder().decode(stdout).split("\\n");
console.log(JSON.stringify(lines.filter((line) => /^(LD_|FEDX_LIBRARY)/.test(line)).sort()));
`;

Deno.test("a program that may start one other starts it where LD_LIBRARY_PATH is set, and hands the path on", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/program.ts`, PROGRAM);
    const flags = ["--quiet", "--no-check", "--no-config", "--no-prompt", "--allow-env", "--allow-run=env"];
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", ...flags, `${folder}/program.ts`],
      env: { LD_LIBRARY_PATH: "/usr/local/nvidia/lib64", LD_BIND_NOW: "1", DENO_NO_UPDATE_CHECK: "1" },
    }).output();
    const [got, said] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    const want = ["FEDX_LIBRARY_PATH=/usr/local/nvidia/lib64", "LD_BIND_NOW=", "LD_LIBRARY_PATH="];
    assertEquals(JSON.parse(got || "null"), want, said);
  }));

Deno.test("who may start any program passes the linker's variables on as they are", () => {
  assertEquals(loaderVariables(), {});
});
