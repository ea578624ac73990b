import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ANY_FINDING, isRule, readRule, ruleText } from "../src/label_rule.ts";
import { spelling } from "../src/spelling.ts";

Deno.test("ruleText: one text for every spelling, order and repetition of the same findings", () => {
  const text = "positive:edema,pleural_thickening";
  assertEquals(ruleText("positive", ["Pleural Thickening", "edema", "EDEMA"]), text);
  assertEquals(ruleText("positive", ["edema ", "pleural_thickening"]), text);
  assertEquals(readRule(text), { kind: "positive", findings: ["edema", "pleural_thickening"] });
  assertEquals(ruleText("exclude", ["Ergüsse", "a, b", "c\\d"]), "exclude:a\\,_b,c\\\\d,ergüsse");
  assertEquals(readRule(ANY_FINDING), { kind: "any", findings: [] });
});

const name = fc.oneof(
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }),
  fc.string({ unit: fc.constantFrom(..."aB ,\\_é-"), minLength: 1, maxLength: 8 }),
);
const names = fc.array(name, { minLength: 1, maxLength: 5 });
const kind = fc.constantFrom("positive" as const, "exclude" as const);

Deno.test("readRule: reads back the findings of every rule that can be written, and takes no second text of it", () => {
  let written = 0;
  fc.assert(fc.property(kind, names, (kind, names) => {
    let text: string;
    try {
      text = ruleText(kind, names);
    } catch (error) {
      return error instanceof RangeError;
    }
    written++;
    const { findings } = readRule(text);
    assertEquals(findings, [...new Set(names.map(spelling))].sort());
    assertEquals(ruleText(kind, findings.toReversed()), text);
    for (
      const other of [`${text},`, text.toUpperCase(), ` ${text}`, `${text},${text.slice(kind.length + 1)}`]
    ) {
      assert(!isRule(other), other);
    }
  }));
  assert(written > 50, `${written} rules written`);
});

Deno.test("isRule: no text but a rule's in its one form passes", () => {
  for (const text of [ANY_FINDING, "positive:edema", "exclude:a\\,b,c", "positive:水腫"]) {
    assert(isRule(text), text);
  }
  const wrong = [
    ...[
      "",
      "any",
      "positive",
      "positive:",
      "positive:,",
      "positive:edema,",
      "negative:edema",
      "positive:b,a",
    ],
    ...[
      "positive:Edema",
      "positive:a b",
      "positive:edema,edema",
      "positive:no_finding",
      "exclude:a\\b",
      "positive:a\\",
    ],
    ...["positive:a\u202eb", "positive:a\u001b[2J", "positive:a\nb", "any-finding "],
    `positive:${"x".repeat(1000)}`,
  ];
  for (const text of wrong) assert(!isRule(text), JSON.stringify(text));
});

Deno.test("ruleText: a name that is none of a finding is refused by name", () => {
  assertThrows(() => ruleText("positive", ["Edema", "No Finding"]), RangeError, `got "no_finding"`);
  assertThrows(() => ruleText("exclude", [" "]), RangeError, `got ""`);
  assertThrows(() => ruleText("exclude", []), RangeError, "got none");
  assertThrows(() => ruleText("positive", ["x".repeat(1000)]), RangeError, "at most 1000 characters");
});
