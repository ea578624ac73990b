import { assertEquals } from "@std/assert";
import { breakLines } from "../../../src/cli/output/break_lines.ts";

Deno.test("a line that fits stays as it is, and a longer one breaks between two words", () => {
  assertEquals(breakLines("one two three", 13), "one two three");
  assertEquals(breakLines("one two three four", 13), "one two three\nfour");
  assertEquals(breakLines("first\none two three four", 13), "first\none two three\nfour");
});

Deno.test("paths, digests, commands and quoted texts stay whole, however long they are", () => {
  const path = "/srv/fedx/state/of/hospital-b/model.safetensors";
  assertEquals(breakLines(`stored in ${path} now`, 20), `stored in\n${path}\nnow`);
  const command = "`fedx prepare --images films --out shard-b`";
  assertEquals(breakLines(`make it again with ${command}.`, 24), `make it again with\n${command}.`);
  assertEquals(
    breakLines('expected no blank, got "two words" here', 24),
    'expected no blank, got\n"two words" here',
  );
});

Deno.test("a table's last column goes on under itself, and an indented line under its beginning", () => {
  assertEquals(breakLines("start   weights of three words", 22), "start   weights of\n        three words");
  assertEquals(breakLines("  --name NAME of this silo", 16), "  --name NAME of\n  this silo");
});
