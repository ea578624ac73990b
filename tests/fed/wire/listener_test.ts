import { fileURLToPath } from "node:url";
import { assertEquals } from "@std/assert";
import { childFlags, linesOf } from "../../testing/child.ts";

const PROGRAM = fileURLToPath(new URL("./out_of_files.ts", import.meta.url));

Deno.test("keepListening: connections are taken again after a time in which this process had no file left", async () => {
  const program = [Deno.execPath(), "run", "-A", ...await childFlags(), PROGRAM];
  const args = ["-c", 'ulimit -n 100; exec "$@"', "sh", ...program];
  const child = new Deno.Command("sh", { args, stdin: "piped", stdout: "piped", stderr: "inherit" }).spawn();
  const lines = linesOf(child.stdout);
  const say = child.stdin.getWriter();
  try {
    const port = Number((await lines.next()).value);
    await say.write(new Uint8Array([10]));
    assertEquals((await lines.next()).value, "none left");
    using waiting = await Deno.connect({ hostname: "127.0.0.1", port });
    await new Promise((resolve) => setTimeout(resolve, 300)); // in which it cannot be taken
    await say.write(new Uint8Array([10]));
    assertEquals((await lines.next()).value, "closed");
    const timer = setTimeout(() => child.kill(), 30_000);
    const hello = new Uint8Array(5);
    await waiting.read(hello).finally(() => clearTimeout(timer));
    assertEquals(new TextDecoder().decode(hello), "hello");
  } finally {
    child.kill();
    await child.status;
    await say.close().catch(() => {});
    await lines.return(undefined);
  }
});
