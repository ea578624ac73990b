/** What `fedx audit verify` finds in the logs of real roles. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  type AuditedRun,
  bytesIn as bytes,
  bytesOf,
  eventsOf,
  linesIn,
  logsOf,
  rebuilt,
  reportOf as logOf,
  twoRuns,
  verifying,
} from "../../testing/audited_run.ts";
import { signHead } from "../../../src/fed/audit/sign.ts";
import { digest } from "../../../src/files/digest.ts";
import { MASKED, runFederation, withFederation } from "../../testing/fake_federation.ts";

const [run, other] = await twoRuns(4);
const verify = verifying(run);

Deno.test("verifyLogs: the folders of an undisturbed run agree, and each log is covered up to its last receipt", () => {
  const report = verify();
  assertEquals([report.ok, report.faults, report.identities_proven], [true, [], true]);
  for (const { path, lines, held, not_covered, signed, torn } of report.logs) {
    const events = eventsOf(run, path);
    const last = events.findLastIndex(({ type }) =>
      type === (path === "aggregator" ? "update_counted" : "update_written")
    );
    assert(held > last, path);
    assertEquals([lines, not_covered, torn], [events.length, lines - held, 0]);
    assert(signed > held && lines - signed <= 1, `${path}'s end is signed`);
  }
  assertEquals(logOf(report, "a").holder, "aggregator");
});

Deno.test("a silo's log has each body that leaves by kind, bytes and digest, and heartbeats summed", () => {
  for (const path of ["a", "b", "c"]) {
    const sent = eventsOf(run, path).filter(({ type }) => type === "sent");
    const kinds = Object.groupBy(sent, ({ kind }) => kind);
    assertEquals(["registration", "scores", "update_start", "update"].map((kind) => kinds[kind]!.length), [
      1,
      6,
      4,
      4,
    ]);
    for (const { bytes, sha256, count } of sent) {
      assert(bytes > 0 && /^[0-9a-f]{64}$/.test(sha256) && count > 0);
    }
    const updates = eventsOf(run, path).filter(({ type }) => type === "receipt").map(({ sha256 }) => sha256);
    assertEquals(kinds.update!.map(({ sha256 }) => sha256), updates);
  }
});

Deno.test("a log given without its folder and cut before its first signature, or emptied, is no clean one; roles without a log are named", () => {
  const lines = linesIn(bytes(run, "b"));
  const first = lines.findIndex((line) => JSON.parse(line).type === "head");
  for (const cut of [lines.slice(0, first), []]) {
    const logs = run.logs.map((log) => log.path === "b" ? { ...log, role: null } : log);
    const { faults, absent } = verifying({ ...run, logs })({ b: bytesOf(cut) });
    assertEquals([faults.map(({ path, line }) => [path, line]), absent], [[["b", 1]], ["silo b"]]);
    assertMatch(faults[0].expected, /^a log that its role has signed, .* hold heads of the silo b$/);
  }
  const fewer = verify({}, ["aggregator", "a", "b"]);
  assertEquals([fewer.ok, fewer.absent, verify().absent], [true, ["silo c"], []]);
});

Deno.test("one line changed is named exactly: the line, what was expected and what is there", () => {
  const lines = linesIn(bytes(run, "b"));
  const at = 30;
  const now = bytesOf(lines.with(at - 1, lines[at - 1].replace('"time":"2', '"time":"1')));
  const { faults: [fault, ...more] } = verify({ b: now });
  assertEquals([fault.path, fault.line, more.filter(({ path }) => path === "b")], ["b", at, []]);
  assertMatch(fault.expected, /^the line of digest [0-9a-f]{12} that line 31 names$/);
});

Deno.test("one folder alone: a change by who lacks the key is found, one by who holds it is not, and the lines that nobody else holds are counted", () => {
  const lines = linesIn(bytes(run, "a"));
  const alone = (bytes: Uint8Array) => verify({ a: bytes }, ["a"]);
  const clean = alone(bytesOf(lines));
  assert(clean.ok && logOf(clean, "a").not_covered > 0);
  assertEquals(logOf(clean, "a").held, logOf(verify(), "a").held);
  const at = lines.findIndex((line) => line.includes('"type":"update_written"'));
  const forged = lines.with(at, lines[at].replace(/"bytes":\d+/, '"bytes":1'));
  assert(alone(bytesOf(rebuilt(forged, null))).faults[0].line <= at + 1);
  // The holder of the key must also take out what the log says that the other role holds.
  const consistent = rebuilt(
    forged.map((line) => line.replace(/"held":\{"lines".*?\}/, '"held":null')),
    run.identities.get("a")!,
  );
  assert(alone(bytesOf(consistent)).ok);
  assert(!verify({ a: bytesOf(consistent) }).ok, "the aggregator's log tells");
});

Deno.test("facts that two logs tell differently are named by both lines, whoever has signed them", () => {
  const cases: [string, string, RegExp][] = [
    [
      "update_counted",
      "sha256",
      /^the update of [abc] in round 1 as in aggregator, line \d+: [0-9a-f]{12} with 96 examples$/,
    ],
    ["row", "base", /^the row of round 1 as in aggregator, line \d+: /],
    ["finished", "sha256", /^the finished run's model as in aggregator/],
  ];
  for (const [type, field, expected] of cases) {
    const lines = linesIn(bytes(run, "aggregator"));
    const at = lines.findIndex((line) => JSON.parse(line).type === type);
    const forged = lines.with(
      at,
      lines[at].replace(new RegExp(`"${field}":"[0-9a-f]{64}"`), `"${field}":"${"7".repeat(64)}"`),
    );
    // No head of it is kept by others: else that would be found first.
    const free = (lines: string[]) => lines.filter((line) => JSON.parse(line).type !== "head_taken");
    const changes: Record<string, Uint8Array> = {
      aggregator: bytesOf(rebuilt(free(withoutHeads(forged)), run.identities.get("aggregator")!)),
    };
    for (const silo of ["a", "b", "c"]) {
      changes[silo] = bytesOf(
        rebuilt(free(withoutHeads(linesIn(bytes(run, silo)))), run.identities.get(silo)!),
      );
    }
    const { faults } = verify(changes);
    assert(faults.length > 0, type);
    for (const fault of faults) assertMatch(fault.expected, expected);
  }
});

const withoutHeads = (lines: string[]) => lines.filter((line) => JSON.parse(line).type !== "head");

Deno.test("a receipt that the aggregator's log lacks, another run's log, a role's log twice: each is named", () => {
  const lines = withoutHeads(linesIn(bytes(run, "aggregator"))).filter((line) =>
    !line.includes('"head_taken"')
  );
  const fewer = lines.toSpliced(lines.findIndex((line) => line.includes('"update_counted"')), 1);
  const silo = (name: string) => {
    const kept = withoutHeads(linesIn(bytes(run, name))).filter((line) => !line.includes('"head_taken"'));
    return rebuilt(kept, run.identities.get(name)!);
  };
  const changes = Object.fromEntries(["a", "b", "c"].map((name) => [name, bytesOf(silo(name))]));
  const lacking = verify({ ...changes, aggregator: bytesOf(rebuilt(fewer, null)) }).faults;
  assertEquals(lacking.map(({ got }) => got), ["it here alone"]);
  const told = JSON.stringify({ time: "2026-01-01T00:00:00.000Z", type: "lines_lost", lines: 1 });
  const gap = verify({ ...changes, aggregator: bytesOf(rebuilt([...fewer, told], null)) });
  assertEquals([gap.ok, logOf(gap, "aggregator").lost], [true, 1], "the log says that it lacks some");
  assertMatch(lacking[0].expected, /^the update of [abc] in round 1 in aggregator too$/);

  const mixed = verify({ c: bytes(other, "c") }).faults.find(({ path }) => path === "c")!;
  assertEquals(mixed.line, 1);
  assertMatch(mixed.expected, /^a log of run [0-9a-f]{32}, as aggregator is$/);

  const twice = verifying({ ...run, logs: [run.logs[1], { ...run.logs[1], path: "copy" }] })({}, [
    "a",
    "copy",
  ]);
  assertEquals(twice.faults.map(({ path, expected }) => [path, expected]), [[
    "copy",
    "one log of each role",
  ]]);
});

Deno.test("a signature by another key, or of a certificate of another CA, is named; without a CA the latter passes and that is said", () =>
  withFederation(async (dir) => {
    const strangers = await logsOfRun(dir);
    const { ca: _, ...foreign } = strangers;
    const judged = verifying({ ...foreign, ca: run.ca })();
    assertEquals(judged.faults.length, 4);
    for (const { expected } of judged.faults) {
      assertMatch(expected, /^a signed head: a certificate of this CA/);
    }
    const unjudged = verifying({ ...foreign, ca: null as unknown as AuditedRun["ca"] })();
    assertEquals([unjudged.ok, unjudged.identities_proven], [true, false]);

    const lines = linesIn(bytes(run, "a"));
    const forged = rebuilt(lines, { ...run.identities.get("a")!, key: run.identities.get("b")!.key });
    assertMatch(
      verify({ a: bytesOf(forged) }).faults[0].expected,
      /^a signed head: a signature of its certificate's key$/,
    );
  }));

async function logsOfRun(dir: string): Promise<AuditedRun> {
  await runFederation({ dir, rounds: 1, logged: true });
  return await logsOf(dir);
}

Deno.test("a log without a chain, an empty one and an unfinished last line: one sentence each", () => {
  const old = bytesOf([JSON.stringify({ time: "2026-01-01T00:00:00.000Z", type: "closing", rounds: 1 })]);
  const [fault] = verify({ a: old }, ["a"]).faults;
  assertEquals(fault.line, 1);
  assertMatch(fault.got, /a log of an older fedx/);
  assertEquals(verify({ a: new Uint8Array() }).faults.map(({ path, line, got }) => [path, line, got]), [[
    "a",
    1,
    "0 lines",
  ]]);
  const torn = Uint8Array.from([...bytes(run, "a"), ...new TextEncoder().encode('{"prev":"')]);
  const report = verify({ a: torn });
  assertEquals([report.ok, logOf(report, "a").torn], [true, 9]);
});

Deno.test("a roster's names stand in both roles' logs: one told otherwise under the same digest is found", () =>
  withFederation(async (dir) => {
    await runFederation({ dir, rounds: 1, logged: true, proposal: MASKED });
    const masked = await logsOf(dir);
    assertEquals(verifying(masked)().faults, []);
    const bare = (path: string) =>
      linesIn(bytes(masked, path)).filter((line) =>
        !/^\{"prev":"\w+","time":"[^"]+","type":"head/.test(line)
      );
    const lines = bare("b");
    const at = lines.findIndex((line) => line.includes('"type":"roster"'));
    const forged = lines.with(at, lines[at].replace('"silos":["a","b","c"]', '"silos":["b","c"]'));
    const all = { aggregator: bare("aggregator"), a: bare("a"), b: forged, c: bare("c") };
    const { faults } = verifying(masked)(
      Object.fromEntries(Object.entries(all).map(([path, lines]) => [path, bytesOf(rebuilt(lines, null))])),
    );
    assertEquals(faults.map(({ path, line }) => [path, line]), [["b", at + 1]]);
    assertMatch(
      faults[0].expected,
      /^the roster of round 1 as in aggregator, line \d+: [0-9a-f]{12} of a, b, c$/,
    );
  }));

Deno.test("a head that comes late spoils nobody's log; a log that began anew is named itself or, where it is not given, by what the other keeps", () => {
  const lines = linesIn(bytes(run, "aggregator"));
  const last = { prev: digest(lines.at(-1)!), type: "head_taken", held: null };
  const keeping = (head: unknown) => bytesOf([...lines, JSON.stringify({ ...last, head })]);
  const early =
    eventsOf(run, "aggregator").find(({ type, head }) => type === "head_taken" && head.head.role === "silo b")
      .head;
  assertEquals(verify({ aggregator: keeping(early) }).faults, []);

  const anew = rebuilt([JSON.stringify({ type: "log" })], null);
  const head = signHead({ lines: 1, digest: digest(anew[0]) }, {
    ...{ run: early.head.run, role: "silo b", identity: run.identities.get("b")! },
    now: new Date(),
  });
  const aggregator = keeping(head);
  const own = verify({ aggregator, b: bytesOf(anew) }).faults;
  assertEquals(own.map(({ path, line, proven }) => [path, line, proven]), [["b", 2, 1]]);
  const without = verify({ aggregator }, ["aggregator", "a", "c"]).faults;
  assertEquals(without.map(({ path, line }) => [path, line]), [["aggregator", lines.length + 1]]);
  assertMatch(without[0].expected, /^a head of the silo b after its line \d+$/);
});

Deno.test("an update that the aggregator counts in the name of a silo whose log knows of none is found; without a receipt it is known all the same", () => {
  const lines = linesIn(bytes(run, "aggregator"));
  const counted = JSON.parse(lines.find((line) => line.includes('"update_counted"'))!);
  const made = { ...counted, prev: digest(lines.at(-1)!), silo: "b", round: 9, sha256: "7".repeat(64) };
  const aggregator = bytesOf([...lines, JSON.stringify(made)]);
  const { faults } = verify({ aggregator });
  assertEquals(faults.map(({ path, line }) => [path, line]), [["aggregator", lines.length + 1]]);
  assertEquals(faults[0].expected, "the update of b in round 9, 777777777777, in b too");
  assertEquals(verify({ aggregator }, ["aggregator", "a", "c"]).faults, [], "its log is not there to say so");

  const own = linesIn(bytes(run, "b"));
  const killed = own.slice(0, own.findLastIndex((line) => line.includes('"type":"receipt"')));
  assertEquals(verify({ b: bytesOf(killed) }).faults, []);
});
