import { assertEquals, assertRejects } from "@std/assert";
import { compilersAtOnce, compilerVersion } from "../../tools/compiler.ts";
import { inFolder } from "../testing/folder.ts";

/** Runs with a `g++` that is a shell script, or with none. */
function withCompiler(script: string | null, act: () => Promise<void>): Promise<void> {
  return inFolder(async (dir) => {
    const before = Deno.env.get("PATH")!;
    try {
      if (script !== null) await Deno.writeTextFile(`${dir}/g++`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      Deno.env.set("PATH", dir);
      await act();
    } finally {
      Deno.env.set("PATH", before);
    }
  });
}

Deno.test("compilerVersion: g++ 11 and newer, by the number outside the packager's brackets", async () => {
  for (const line of ["g++ (Debian 9.1.0-14) 12.2.0", "g++ (GCC) 11.4.1 20230605 (Red Hat 11.4.1-2)"]) {
    await withCompiler(`echo '${line}'`, async () => assertEquals(await compilerVersion(), line));
  }
});

Deno.test("compilerVersion: no g++, an old one and a broken one are refused with the remedy", async () => {
  const refused = (script: string | null, got: string) =>
    withCompiler(script, async () => {
      const error = await assertRejects(compilerVersion, Error, `expected g++ 11 or newer, got ${got}`);
      assertEquals(error.message.endsWith("apt install g++) and run again."), true);
    });
  await refused(null, "none");
  await refused("echo 'g++ (Debian 11.2) 10.2.1 20210110'", "g++ (Debian 11.2) 10.2.1");
  await refused("exit 1", "one that does not run");
});

Deno.test("compilersAtOnce: one a core, fewer where memory or the cgroup's limit is short, never none", () =>
  inFolder(async (root) => {
    const at = (cores: number) => compilersAtOnce({ cores, root });
    assertEquals(await at(16), 16); // nothing tells of memory
    await Deno.mkdir(`${root}/proc`);
    await Deno.mkdir(`${root}/sys/fs/cgroup`, { recursive: true });
    const free = (kilobytes: number) =>
      Deno.writeTextFile(
        `${root}/proc/meminfo`,
        `MemTotal: 1 kB\nMemAvailable:   ${kilobytes} kB\nBuffers: 1 kB\n`,
      );
    await free(128e6);
    assertEquals([await at(16), await at(2)], [16, 2]);
    await Deno.writeTextFile(`${root}/sys/fs/cgroup/memory.max`, "max\n");
    assertEquals(await at(16), 16);
    await Deno.writeTextFile(`${root}/sys/fs/cgroup/memory.max`, "3000000000\n");
    assertEquals(await at(16), 5);
    await free(100_000);
    assertEquals(await at(16), 1);
  }));
