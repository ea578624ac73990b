import { assertEquals } from "@std/assert";
import { runPython } from "../../../src/shim/libtorch/python.ts";
import { inFolder } from "../../testing/folder.ts";

Deno.test("runPython gives what Python said where its empty folder is gone, or how it failed", () =>
  inFolder(async (folder) => {
    const python = `${folder}/python`;
    const says = (text: string) =>
      Deno.writeTextFile(python, `#!/bin/sh\nrmdir "$PWD" && ${text}\n`, { mode: 0o755 });
    await says("echo done");
    assertEquals(await runPython([], { python }), { code: 0, stdout: "done", text: "done" });
    await says("exit 3");
    assertEquals((await runPython([], { python })).code, 3);
  }));
