import { assertEquals, assertMatch } from "@std/assert";
import { ascii } from "../../../src/fed/protocol/ascii.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";

Deno.test("ascii: our own signs and accents have their counterparts, all else becomes a question mark", () => {
  const texts = ["“≥ 3”…", "/home/Müller/Å.pth", "\u001b[2J\nx", "€ 東", "plain ~ text"];
  assertEquals(texts.map(ascii), ['">= 3"...', "/home/Muller/A.pth", "?[2J?x", "? ?", "plain ~ text"]);
});

Deno.test("ProtocolError: no control character of a peer's text reaches a terminal, nor the wire", () => {
  const got = "x\u001b[31mred\u009b0m\r\nwarning: all is well";
  const error = new ProtocolError("bad_request", { expected: "“y”", got });
  assertEquals(error.got, "x?[31mred?0m??warning: all is well");
  assertMatch(error.message, /^[^\p{Control}]*$/u);
  for (const text of Object.values(error.toBody())) assertMatch(text, /^[\x20-\x7e]*$/);
  const long = new ProtocolError("bad_request", { expected: "é".repeat(500), got: "…".repeat(500) }).toBody();
  assertEquals([long.expected.length, long.got.length, long.got.slice(-3)], [400, 400, "..."]);
});
