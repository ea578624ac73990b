import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { formatDuration, parseDuration } from "../../../src/cli/options/duration.ts";
import { nearest } from "../../../src/cli/options/nearest.ts";
import { COMMANDS } from "../../../src/cli/options/commands.ts";
import { readValue } from "../../../src/cli/options/kinds.ts";
import type { Options } from "../../../src/cli/options/option.ts";
import { findCommand, parse } from "../../../src/cli/options/parse.ts";
import { UsageError } from "../../../src/cli/options/usage_error.ts";

Deno.test("parseDuration reads 90s, 20m, 1h, 1h30m and 1.5m", () => {
  assertEquals(["90s", "20m", "1h", "1h30m", "1.5m"].map(parseDuration), [90, 1200, 3600, 5400, 90]);
});

Deno.test("a bare number is no duration, on the command line and in the file, and how to write it is said", () => {
  const durations = Object.entries(COMMANDS).flatMap(([name, { options }]) =>
    Object.entries(options as Options).flatMap(([key, { kind }]) => kind === "duration" ? [[name, key]] : [])
  );
  assertEquals(durations.length, 6);
  const text = "expected a duration such as 20s, 20m or 20h, got 20.";
  for (const [name, key] of durations) {
    const word = `Cannot read --${key}: ${text}`;
    assertThrows(() => parse(name, [`--${key}`, "20"]), UsageError, word);
    assertThrows(
      () => readValue("run.budget in fedx.toml", { kind: "duration", help: "" }, 20),
      UsageError,
      text,
    );
  }
});

Deno.test("parseDuration refuses everything else", () => {
  for (const text of ["", "0", "-5s", "20 minutes", "m", "1h30", "NaN"]) {
    assertThrows(() => parseDuration(text), SyntaxError, "such as 90s, 20m or 1h, got");
  }
});

Deno.test("--local-epochs takes parts of a pass, and none or less is refused with what to write", () => {
  const local = (value: string) => ["--rounds", "1", "--shard", "s", "--out", "m", "--local-epochs", value];
  const parsed = parse("local", local(".25"));
  assert("given" in parsed && parsed.given["local-epochs"] === 0.25);
  for (const value of ["0", "-1", "1001", "half"]) {
    const text =
      "Cannot read --local-epochs: expected a number from 0.000001 to 1000, such as 1, or .25 for a quarter " +
      `of a pass, got "${value}".`;
    assertEquals(assertThrows(() => parse("local", local(value)), UsageError).message, text);
  }
});

Deno.test("a duration of nothing is told to be too short", () => {
  const text = 'Cannot read --budget: expected a duration above 0, such as 90s, 20m or 1h, got "0m".';
  assertThrows(() => parse("aggregate", ["--budget", "0m"]), UsageError, text);
});

Deno.test("formatDuration rounds to what a person reads", () => {
  assertEquals([8.24, 59.6, 94, 7500].map(formatDuration), ["8.2 s", "60 s", "1:34 min", "2:05 h"]);
});

Deno.test("nearest finds a slip and nothing for a stranger", () => {
  assertEquals(nearest("romds", ["rounds", "budget"]), "rounds");
  assertEquals(nearest("xyzzy", ["rounds", "budget"]), undefined);
});

Deno.test("findCommand takes one or two words and leaves the rest", () => {
  assertEquals(findCommand(["ca", "issue", "b", "--role", "silo"]), {
    name: "ca issue",
    command: COMMANDS["ca issue"],
    rest: ["b", "--role", "silo"],
  });
  assertEquals(findCommand(["--help"]), undefined);
  const error = assertThrows(() => findCommand(["evalute"]), UsageError);
  assertMatch(error.message, /the nearest is `fedx evaluate`/);
});

Deno.test("parse keeps only what was given, in the program's own form", () => {
  const parsed = parse("aggregate", [
    ...["--silos", "a,b", "--budget", "20m", "--lr=3e-4", "--no-augment", "--json"],
  ]);
  assertEquals(parsed, { given: { silos: ["a", "b"], budget: 1200, lr: 3e-4, augment: false } });
});

Deno.test("parse refuses a name that stands twice in a list", () => {
  const error = assertThrows(() => parse("aggregate", ["--silos", "a,b,a"]), UsageError);
  assertEquals(
    error.message,
    'Cannot read --silos: expected names with commas between, each once, got "a,b,a".',
  );
});

Deno.test("parse takes a comma within a name of a list, written \\,", () => {
  const { given } = parse("prepare", ["--negative", "Normal\\, lungs clear, healthy"]);
  assertEquals(given, { negative: ["Normal, lungs clear", "healthy"] });
});

Deno.test("parse refuses an option given twice where one value counts", () => {
  for (const twice of [["--images", "a", "--images", "b"], ["--images=a", "--images=b"]]) {
    assertThrows(() => parse("prepare", [...twice, "--out", "s"]), UsageError, "--images: expected it once");
  }
  assertEquals(parse("prepare", ["--images", "a", "--force", "--force"]).given, { images: "a", force: true });
});

Deno.test("parse collects a repeated option and takes the positional argument", () => {
  assertEquals(
    parse("evaluate", ["--model", "m", "--shard", "1", "--shard", "2"]).given.shard,
    ["1", "2"],
  );
  assertEquals(parse("ca issue", ["b", "--role", "silo"]).given, { NAME: "b", role: "silo" });
  assertEquals(parse("ca issue", ["007"]).given, { NAME: "007" });
});

Deno.test("parse refuses an unknown option with the nearest name", () => {
  const error = assertThrows(() => parse("aggregate", ["--romds", "3"]), UsageError);
  assertMatch(error.message, /--romds: `fedx aggregate` has none of that name; the nearest is --rounds\./);
});

Deno.test("parse names the commands that have an option, and its help: train and local refuse --engine tfjs", () => {
  for (const name of ["train", "local"] as const) {
    const error = assertThrows(() => parse(name, ["--engine", "tfjs"]), UsageError);
    assertMatch(error.message, /it belongs to `fedx evaluate`, `fedx predict`: .*tfjs .* cannot train\.$/);
  }
  assertMatch(
    assertThrows(() => parse("train", ["--xyzzy"]), UsageError).message,
    /see `fedx train --help`\.$/,
  );
});

Deno.test("parse refuses values out of range, of another kind, and stray words", () => {
  const cases: [string[], RegExp][] = [
    [["--rounds", "0"], /--rounds: expected a whole number from 1 to 100000, got "0"/],
    [["--rounds", "2.5"], /a whole number/],
    [["--budget", "soon"], /a duration such as 90s, 20m or 1h, got "soon"/],
    [["--quorum", "1025"], /--quorum: expected a whole number from 1 to 1024, got "1025"/],
    [["--recipe", "decks"], /expected default, deck \(the nearest is deck\), got "decks"/],
    [["--tls", ""], /--tls: expected DIR/],
    [["--channels", "2"], /--channels: expected 1 or 3, got "2"/],
    [["--listen", "hub"], /--listen: expected HOST:PORT, got "hub"\./],
    [["--listen", "hub:65536"], /expected HOST:PORT/],
    [["stray"], /expected only options, got stray/],
  ];
  for (const [args, text] of cases) {
    assertMatch(assertThrows(() => parse("aggregate", args), UsageError).message, text);
  }
  assertThrows(() => parse("train", ["--threads", "257"]), UsageError, "from 1 to 256");
  for (const end of ["0", "1", "1e-999"]) {
    const text = `Cannot read --threshold: expected a number above 0 and below 1, got "${end}".`;
    assertThrows(() => parse("predict", ["--threshold", end]), UsageError, text);
  }
  assertThrows(() => parse("prepare", ["--size", "31"]), UsageError, "from 32 to 1024");
  const http = ["--server", "http://hub"];
  assertThrows(() => parse("train", http), UsageError, "--server: expected https://HOST:PORT");
});

Deno.test("parse takes DNS names and addresses for --host, nothing with scheme, brackets or port", () => {
  const hosts = (...hosts: string[]) =>
    parse("ca issue", ["hub", ...hosts.flatMap((host) => ["--host", host])]).given.host;
  const good = ["localhost", "hub.example", "my_hub", "10.0.0.7", "::1", "fe80::1"];
  assertEquals(hosts(...good), good);
  for (const host of ["", "https://hub", "hub:8443", "[::1]", "10.0.0.999", "1.2.3", "a b", "a..b"]) {
    assertThrows(() => hosts("hub", host), UsageError, "Cannot read --host");
  }
});

Deno.test("parse refuses a name that no certificate can hold: of a silo, and of whom one is signed for", () => {
  for (const command of ["ca issue", "ca request", "ca revoke"]) {
    assertThrows(() => parse(command, ["b b"]), UsageError, '"b b"');
  }
  for (const [command, option] of [["train", "--silo"], ["doctor", "--silo"], ["init", "--silo"]]) {
    assertThrows(() => parse(command, [option, "../a"]), UsageError, '"../a"');
  }
  assertThrows(() => parse("ca sign", ["r.pem", "--name", "b b"]), UsageError, "choose another name");
});

Deno.test("parse tells the address that it read: HOST:PORT, or brackets round IPv6", () => {
  const listen = (text: string) => parse("aggregate", ["--listen", text]).given.listen;
  assertEquals(listen("hub.example:0"), { host: "hub.example", port: 0 });
  assertEquals(listen("[::1]:8443"), { host: "::1", port: 8443 });
});

Deno.test("parse tells -h from --help, and asks for no arguments with either", () => {
  assertEquals([["-h"], ["--help"], []].map((args) => parse("version", args).help), [
    "short",
    "long",
    undefined,
  ]);
  assertEquals(parse("ca issue", ["-h"]), { given: {}, help: "short" });
});

Deno.test("parse refuses - where a file or folder is to be named, whatever the option", () => {
  for (
    const [command, ...args] of [["predict", "--out", "-"], ["evaluate", "--plot", "-"], [
      "local",
      "--shard",
      "-",
    ]]
  ) {
    assertThrows(
      () => parse(command, args),
      UsageError,
      "expected the name of a file or folder (./- for one of that",
    );
  }
});
