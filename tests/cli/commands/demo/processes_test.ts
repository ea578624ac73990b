import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { cores } from "../../../../src/model/libraries.ts";
import { Processes } from "../../../../src/cli/commands/demo/processes.ts";

/** A stand-in for the program: a shell script named by FEDX_EXE. */
async function withProgram(script: string, act: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  const before = Deno.env.get("FEDX_EXE");
  try {
    await Deno.writeTextFile(`${dir}/fedx`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    Deno.env.set("FEDX_EXE", `${dir}/fedx`);
    await act(dir);
  } finally {
    if (before === undefined) Deno.env.delete("FEDX_EXE");
    else Deno.env.set("FEDX_EXE", before);
    await Deno.remove(dir, { recursive: true });
  }
}

const alive = (pid: string) => Deno.stat(`/proc/${pid.trim()}`).then(() => true, () => false);

Deno.test("Processes.run returns the JSON object and keeps stderr in a file", async () => {
  await withProgram(`echo "args: $*" >&2; echo '{"ok": 1}'`, async (dir) => {
    await using processes = new Processes({ logs: dir, signal: new AbortController().signal });
    assertEquals(await processes.run("one", ["version"]), { ok: 1 });
    assertEquals(await Deno.readTextFile(`${dir}/one.log`), "args: version --json\n");
  });
});

Deno.test("Processes.run fails with the child's last line", async () => {
  await withProgram(`echo "Cannot do it: no disk." >&2; exit 1`, async (dir) => {
    await using processes = new Processes({ logs: dir, signal: new AbortController().signal });
    const error = await assertRejects(() => processes.run("one", []));
    assertMatch((error as Error).message, /one: it ended with 1: Cannot do it: no disk\. \(see .*one\.log\)/);
  });
});

Deno.test("Processes.run fails where a signal stopped the child alone, with its code", async () => {
  await withProgram(`echo "Stopped before the end." >&2; exit 143`, async (dir) => {
    await using processes = new Processes({ logs: dir, signal: new AbortController().signal });
    await assertRejects(() => processes.run("one", []), Error, "it ended with 143: Stopped before the end.");
  });
});

Deno.test("Processes leaves no child behind, neither when disposed of nor when aborted", async () => {
  await withProgram(`echo $$ > "$1"; exec sleep 60`, async (dir) => {
    for (const way of ["dispose", "abort"]) {
      const stop = new AbortController();
      const pidFile = `${dir}/${way}`;
      let pid = "";
      {
        await using processes = new Processes({ logs: dir, signal: stop.signal });
        const role = processes.start(way, [pidFile]);
        while (pid.trim() === "") {
          await new Promise((resolve) => setTimeout(resolve, 20));
          pid = await Deno.readTextFile(pidFile).catch(() => "");
        }
        assert(await alive(pid));
        if (way === "abort") {
          stop.abort(new Error("stopped"));
          await assertRejects(() => role.result, Error, "stopped");
        }
      }
      assertEquals(await alive(pid), false);
    }
  });
});

Deno.test("cores is at least 1 and no more than the machine's", async () => {
  const count = await cores();
  assert(Number.isInteger(count) && count >= 1 && count <= navigator.hardwareConcurrency, String(count));
});
