/** The same claims hold for the stand-in and for @std/cli itself, whichever the run uses. */
import { assertEquals } from "@std/assert";
import { parseArgs } from "@std/cli";

Deno.test("parseArgs: strings, numbers, booleans, negation, collected options", () => {
  const args = parseArgs(
    [
      "train",
      "--silo",
      "007",
      "--rounds=3",
      "--no-augment",
      "-v",
      "--host",
      "a",
      "--host",
      "b",
      "image 1.png",
    ],
    {
      string: ["silo", "host"],
      boolean: ["augment", "json", "v"],
      negatable: ["augment"],
      collect: ["host", "shard"],
    },
  );
  assertEquals(args._, ["train", "image 1.png"]);
  assertEquals([args.silo, args.rounds], ["007", 3]);
  assertEquals([args.augment, args.v, args.json], [false, true, false]);
  assertEquals([args.host, args.shard], [["a", "b"], []]);
});

Deno.test("parseArgs: a string option keeps negative numbers and empty values as text, as _ does", () => {
  const args = parseArgs(["--lr", "-1e-3", "--out=", "--n", "5", "007"], { string: ["lr", "out", "_"] });
  assertEquals([args.lr, args.out, args.n, args._], ["-1e-3", "", 5, ["007"]]);
  assertEquals(parseArgs(["--lr", "--out", "a"], { string: ["lr", "out"] }).lr, "");
});

Deno.test("parseArgs: a boolean does not take the word behind it, unless that is true or false", () => {
  const args = parseArgs(["--json", "report.html", "--quiet=false", "--plain", "false"], {
    boolean: ["json", "quiet", "plain"],
  });
  assertEquals([args.json, args.quiet, args.plain, args._], [true, false, false, ["report.html"]]);
});

Deno.test("parseArgs: what follows -- is never an option", () => {
  assertEquals(parseArgs(["a", "--", "--json"], { boolean: ["json"] })._, ["a", "--json"]);
});

Deno.test("parseArgs: unknown hears of each option that is not listed and may drop it", () => {
  const seen: unknown[] = [];
  const args = parseArgs(["--silo", "b", "--siol", "c", "--x=1", "-q"], {
    string: ["silo"],
    unknown: (arg: string, key?: string) => {
      seen.push([arg, key]);
      return false;
    },
  });
  assertEquals(seen, [["--siol", "siol"], ["--x=1", "x"], ["-q", "q"]]);
  assertEquals(Object.keys(args).sort(), ["_", "silo"]);
});
