import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import { FINDINGS, labelBits, OTHER } from "../../src/data/findings.ts";
import { OTHERS, packOthers } from "../../src/data/others.ts";
import { poolOf } from "../../src/data/pool.ts";
import { Shard } from "../../src/data/shard.ts";
import { StoredFindings } from "../../src/data/stored_findings.ts";
import { ANY_FINDING, ruleText } from "../../src/label_rule.ts";
import { spelling } from "../../src/spelling.ts";
import { inFolder } from "../testing/folder.ts";
import { writeFindings } from "../testing/finding_shards.ts";
import { asVersion1 } from "../testing/older_shard.ts";
import { withHospital } from "../testing/small_hospital.ts";

/** Nine others, so that a film has two bytes of them. */
const OWN = ["Calcification", "Edge", "Fracture", "Goitre", "Icd", "Kyphosis", "Line", "Nipple", "Rib plate"];
const NAMES = [...FINDINGS, ...OWN];
const stored = (films: readonly string[][], { named = true } = {}) =>
  new StoredFindings({
    labels: Uint16Array.from(films, labelBits),
    names: OWN,
    others: named
      ? Uint8Array.from(
        films.flatMap((
          film,
        ) => [...packOthers(film.filter((name) => OWN.includes(name)), OWN.map(spelling))]),
      )
      : null,
  });

/** A rule as its words say it. */
function plain(film: readonly string[], kind: "positive" | "exclude", names: readonly string[]): number {
  const listed = film.some((name) => names.includes(name));
  const others = film.some((name) => !names.includes(name));
  return Number(kind === "positive" ? listed : others);
}

const film = fc.subarray(NAMES, { maxLength: 4 });
const films = fc.array(film, { maxLength: 12 });
const kind = fc.constantFrom("positive" as const, "exclude" as const);
const rule = fc.subarray([...NAMES, "Unheard of"], { minLength: 1 });

Deno.test("StoredFindings.positives: as the rule's words say, for any films and any findings", () => {
  fc.assert(fc.property(films, kind, rule, (films, kind, names) => {
    const findings = stored(films), text = ruleText(kind, names.map((name) => name.toUpperCase()));
    assertEquals(findings.unanswered(text), []);
    assertEquals([...findings.positives(text)], films.map((film) => plain(film, kind, names)));
    assertEquals([...findings.positives(ANY_FINDING)], films.map((film) => Number(film.length > 0)));
    const there = new Set(films.flat());
    const absent = names.filter((name) => !there.has(name) && !OWN.includes(name));
    assertEquals(findings.absent(text).length, absent.length);
    films.forEach((film, at) =>
      assertEquals(findings.othersOf(at), OWN.filter((name) => film.includes(name)))
    );
  }));
});

Deno.test("StoredFindings: where others are not stored by name, what is answered is right, and what could be wrong is not answered", () => {
  const some = fc.oneof(rule, fc.subarray<string>([...FINDINGS], { minLength: 1 }), fc.constant(OWN));
  let refused = 0, answered = 0;
  fc.assert(fc.property(films, kind, some, (films, kind, names) => {
    const older = stored(films, { named: false }), text = ruleText(kind, names);
    const unanswered = older.unanswered(text);
    if (unanswered.length === 0) {
      answered++;
      assertEquals([...older.positives(text)], films.map((film) => plain(film, kind, names)));
    } else {
      refused++;
      assert(unanswered.every((name) => OWN.some((own) => own.toLowerCase() === name.replaceAll("_", " "))));
      // Another film with the same label is of the other class: nobody could tell.
      const [a, b] = [true, false].map((named) => OWN.find((name) => names.includes(name) === named)!);
      assertNotEquals(plain([a], kind, names), plain([b], kind, names));
    }
  }));
  assert(refused > 10 && answered > 10, `${refused} refused, ${answered} answered`);
});

Deno.test("StoredFindings: a bit 14 without any name is answered only where no other finding is asked for", () => {
  const nameless = new StoredFindings({ labels: Uint16Array.of(0, OTHER, 1), names: [], others: null });
  assertEquals([...nameless.positives("positive:atelectasis")], [0, 0, 1]);
  assertEquals([...nameless.positives("exclude:atelectasis")], [0, 1, 0]);
  assertEquals(nameless.unanswered("exclude:atelectasis,x"), ["x"]);
});

const FILMS = {
  train: [["Mass"], ["Rib plate"], ["Rib plate", "Line"], [], ["Line"], ["Edema", "Line"]],
  val: [["Mass"], ["Line"], []],
  test: [["Rib plate"], []],
};

Deno.test("Shard: other findings are read back by name, counted by rule, and enter the digest", () =>
  inFolder(async (dir) => {
    await writeFindings(`${dir}/shard`, FILMS);
    const shard = await Shard.open(`${dir}/shard`, { verify: true });
    const counted = (rule: string) => Object.values(shard.counts(rule)).map(({ positives }) => positives);
    assertEquals(counted(ANY_FINDING), [5, 2, 1]);
    assertEquals(counted("positive:rib_plate"), [2, 0, 1]);
    assertEquals(counted("exclude:line,rib_plate"), [2, 1, 0]);
    assertEquals(counted("positive:edema,rib_plate"), [3, 0, 1]);
    assertEquals(shard.counts("positive:mass").train, { images: 6, patients: 6, positives: 1 });
    assertEquals(
      [...poolOf([shard, shard], { labelRule: "positive:mass" }).labels].join(""),
      "10000010000".repeat(2),
    );
    assertEquals(shard.findings.othersOf(2), ["Line", "Rib plate"]);
    const swapped = FILMS.train.with(1, ["Line"]).with(4, ["Rib plate"]);
    const other = await writeFindings(`${dir}/other`, { ...FILMS, train: swapped });
    assertNotEquals(other.digest, shard.manifest.digest, "only others.bits differs");
    assertEquals(other.files["labels.u16"], shard.manifest.files["labels.u16"]);
    const text = await Deno.readTextFile(`${dir}/shard/manifest.json`);
    await Deno.writeTextFile(`${dir}/shard/manifest.json`, text.replace('"Rib plate"', '"Rib play"'));
    await assertRejects(() => Shard.open(`${dir}/shard`), SyntaxError, "a wrong digest");
  }));

Deno.test("Shard: a missing, short or contradicting others.bits is refused by name", () =>
  inFolder(async (dir) => {
    await writeFindings(dir + "/shard", FILMS);
    const path = `${dir}/shard/${OTHERS}`, open = () => Shard.open(`${dir}/shard`);
    const bytes = await Deno.readFile(path);
    assertEquals(bytes.length, 11);
    for (const [row, byte] of [[0, 1], [1, 0], [2, 4]]) {
      await Deno.writeFile(path, bytes.with(row, byte));
      await assertRejects(
        open,
        RangeError,
        `expected the same findings in labels.u16 and others.bits, got others in row ${row}`,
      );
    }
    await Deno.writeFile(path, bytes.with(1, 1));
    await open();
    await assertRejects(
      () => Shard.open(`${dir}/shard`, { verify: true }),
      SyntaxError,
      "for others.bits, got another",
    );
    await Deno.writeFile(path, bytes.subarray(1));
    await assertRejects(open, RangeError, "expected 11 bytes in others.bits, got 10");
    await Deno.remove(path);
    await assertRejects(open, Error, "expected others.bits in it, got none");
  }));

Deno.test("Shard: one of an older fedx opens, and refuses a rule that it would have to guess, with the remedy", () =>
  inFolder(async (dir) => {
    await writeFindings(`${dir}/shard`, FILMS);
    await asVersion1(`${dir}/shard`);
    const shard = await Shard.open(`${dir}/shard`, { verify: true });
    assertEquals([...shard.binary("positive:edema,mass")].join(""), "10000110000");
    assertEquals([...shard.binary("exclude:line,rib_plate")].join(""), "10000110000");
    const error = assertThrows(() => shard.binary("positive:line,mass"), RangeError);
    assertStringIncludes(
      error.message,
      "by name for positive:line,mass, got a shard of an older fedx, which knows line only as other",
    );
    assertStringIncludes(error.message, "remedy: make it again with `fedx prepare`");
  }));

Deno.test("Shard: a finding of NIH's by a name that an older fedx did not know is found, or the rule is refused", () =>
  inFolder(async (dir) => {
    const films = [["Rib plate"], ["Effusion"], ["Mass"], []];
    const shardOf = async (name: string, unknownFindings: string[]) => {
      await writeFindings(`${dir}/${name}`, { train: films, val: films, test: films });
      await asVersion1(`${dir}/${name}`, { unknownFindings });
      return await Shard.open(`${dir}/${name}`, { verify: true });
    };
    const alone = await shardOf("alone", ["Pleural effusion"]);
    for (const rule of ["positive:effusion", "positive:pleural_effusion"]) {
      assertEquals([...alone.binary(rule)].join(""), "1100".repeat(3));
      assertEquals(alone.findings.absent(rule), []);
    }
    assertEquals([...alone.binary("exclude:effusion")].join(""), "0010".repeat(3));
    const beside = await shardOf("beside", ["Line", "Pleural effusion"]);
    assertThrows(() => beside.binary("positive:effusion"), RangeError, "which knows effusion only as other");
    assertEquals([...beside.binary("positive:effusion,line")].join(""), "1100".repeat(3));
  }));

Deno.test("ShardWriter refuses other findings that contradict the label or have no name", () =>
  inFolder(async (dir) => {
    const { ShardWriter } = await import("../../src/data/shard_writer.ts");
    using writer = await ShardWriter.create(dir, {
      size: 8,
      kernel: "k",
      salt: "t",
      unknownFindings: ["Line"],
      ids: { site: "0".repeat(64), hash: () => new Uint8Array(32) },
    });
    const row = { pixels: new Uint8Array(64), patient: "p", split: "train" as const, name: "n" };
    for (const [label, others] of [[OTHER, []], [1, ["Line"]]] as const) {
      await assertRejects(() => writer.append({ ...row, label, others }), RangeError, "contradict");
    }
    await assertRejects(
      () => writer.append({ ...row, label: OTHER, others: ["Rib"] }),
      RangeError,
      "one of 1 names",
    );
    await writer.append({ ...row, label: OTHER, others: ["line"] });
  }));

Deno.test("prepareShard: every finding of a film is stored by name, in whichever spelling it was written", () =>
  withHospital(30, async ({ dir, lines, prepare }) => {
    lines.forEach((line, i) =>
      lines[i] = line.replace("Mass", ["Mass", "Rib Plate|Mass", "rib_plate|Line"][i % 3])
    );
    const report = await prepare();
    const shard = await Shard.open(`${dir}/out/shard`, { verify: true });
    assertEquals(shard.manifest.version, 2);
    const byName = Object.fromEntries(report.labels.map(({ name, films }) => [name, films]));
    const positives = (rule: string) => shard.binary(rule).reduce((sum, one) => sum + one, 0);
    for (const name of ["Mass", "Rib Plate", "Line"]) {
      assert(byName[name] > 0);
      assertEquals(positives(ruleText("positive", [name])), byName[name]);
    }
    assertEquals(positives("exclude:line,mass,rib_plate"), 0);
    const counts = Object.values(shard.manifest.counts).reduce((sum, one) => sum + one.positives, 0);
    assertEquals(
      [counts, report.positives],
      [positives(ANY_FINDING), counts],
      "any finding, whichever rule is to come",
    );
  }));
