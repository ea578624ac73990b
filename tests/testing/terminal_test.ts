import { assertEquals, assertStringIncludes } from "@std/assert";
import { OnTerminal, onTerminal } from "./terminal.ts";

const options = { cwd: ".", command: ["sh", "-c"] };

Deno.test("a terminal has its width, breaks lines at it and shows what a redrawn line became", async () => {
  for (const columns of [80, 120]) {
    const text = "x".repeat(columns + 5);
    const seen = await onTerminal([`stty size; echo ${text}; printf 'one\\rtwo\\n'; exit 7`], {
      ...options,
      columns,
    });
    const lines = [`60 ${columns}`, "x".repeat(columns), "xxxxx", "two"];
    assertEquals(seen.lines, lines);
    assertEquals(seen.whole, [lines[0], text, "two"]);
    assertEquals(seen.code, 7);
    assertStringIncludes(seen.raw, "one\rtwo");
  }
});

Deno.test("keys and signals reach the program", async () => {
  const ask =
    "trap 'echo stopped; exit 130' INT; echo ready; read word; echo got $word; while :; do sleep .05; done";
  const terminal = await OnTerminal.start([ask], options);
  await terminal.when(/^ready$/);
  await terminal.type("yes\n");
  await terminal.when(/^got yes$/);
  await terminal.type("\x03");
  assertEquals((await terminal.finished).code, 130);
  const killed = await OnTerminal.start(
    ["trap 'exit 143' TERM; echo ready; while :; do sleep .05; done"],
    options,
  );
  await killed.when(/^ready$/);
  await killed.kill("SIGTERM");
  assertEquals((await killed.finished).code, 143);
});
