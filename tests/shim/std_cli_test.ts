import { assertEquals } from "@std/assert";
import { parseArgs } from "@std/cli";

Deno.test("parseArgs: strings, numbers, booleans, negation, aliases, defaults", () => {
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
      boolean: ["augment", "verbose", "json"],
      negatable: ["augment"],
      collect: ["host"],
      alias: { verbose: "v" },
      default: { augment: true, lr: 0.001 },
    },
  );
  assertEquals(args._, ["train", "image 1.png"]);
  assertEquals([args.silo, args.rounds, args.lr], ["007", 3, 0.001]);
  assertEquals([args.augment, args.verbose, args.v, args.json], [false, true, true, false]);
  assertEquals(args.host, ["a", "b"]);
});

Deno.test("parseArgs: a string option keeps negative numbers and empty values as text", () => {
  const args = parseArgs(["--lr", "-1e-3", "--out=", "--n", "5"], { string: ["lr", "out"] });
  assertEquals([args.lr, args.out, args.n], ["-1e-3", "", 5]);
});

Deno.test("parseArgs: a boolean does not take the word behind it", () => {
  const args = parseArgs(["--json", "report.html", "--quiet=false"], { boolean: ["json", "quiet"] });
  assertEquals([args.json, args.quiet, args._], [true, false, ["report.html"]]);
});

Deno.test("parseArgs: what follows -- is never an option", () => {
  assertEquals(parseArgs(["a", "--", "--json"], { boolean: ["json"] })._, ["a", "--json"]);
  assertEquals(parseArgs(["a", "--", "--json"], { "--": true })["--"], ["--json"]);
});

Deno.test("parseArgs: stopEarly leaves everything behind the first word alone", () => {
  const args = parseArgs(["--json", "train", "--silo", "b"], { boolean: ["json"], stopEarly: true });
  assertEquals([args.json, args._], [true, ["train", "--silo", "b"]]);
});

Deno.test("parseArgs: unknown hears of each option that is not listed and may drop it", () => {
  const seen: unknown[] = [];
  const args = parseArgs(["--silo", "b", "--siol", "c", "--x=1"], {
    string: ["silo"],
    unknown: (arg: string, key?: string) => {
      seen.push([arg, key]);
      return false;
    },
  });
  assertEquals(seen, [["--siol", "siol"], ["--x=1", "x"]]);
  assertEquals(Object.keys(args).sort(), ["_", "silo"]);
});
