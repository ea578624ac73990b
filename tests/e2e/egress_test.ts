import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { createHash } from "node:crypto";
import { hostname } from "node:os";
import { readEvents } from "../../src/cli/output/history.ts";
import { Shard } from "../../src/data/shard.ts";
import { MIN_CELL } from "../../src/fed/maths/histogram.ts";
import { withFederation } from "../testing/fake_federation.ts";
import { freePort } from "../testing/free_port.ts";
import { fileFolder } from "../testing/folder.ts";
import { commandOf } from "./federation.ts";
import { HEARD, listenIn, logitsOf } from "./listen_in.ts";
import {
  FRAME,
  frameBytes,
  framesOf,
  type Http2Request,
  PREFACE,
  readRequests,
} from "../testing/http2_requests.ts";
import { listsOf, sortSaid } from "./leaving.ts";
import { leaked, type Private, privateOf } from "./private_shard.ts";
import { assertRefused, run, start } from "../testing/program.ts";
import { SteppedRun } from "../testing/stepped_run.ts";
import { Wiretap } from "./wiretap.ts";

const ROUNDS = 2;
const dir = await fileFolder();

let once: ReturnType<typeof listenIn> | undefined;
const heardRun = () => once ??= listenIn(dir, ROUNDS);

Deno.test("train: every byte that leaves a silo in a full run belongs to a message that docs/privacy.md lists", async () => {
  const { heard } = await heardRun();
  for (const { said: { kinds } } of Object.values(heard)) {
    // Pulls: each round's base and the last model of 16 MiB in two ranges, then the selected one.
    const { view, heartbeat, frames, ...counted } = kinds;
    // The run is masked: a round has two halves, before and after its roster is settled.
    const { statements, ...masked } = counted;
    assertEquals(masked, {
      ...{ statement: 1, join: 1, pull: 2 * (ROUNDS + 2), ready: ROUNDS, roster: ROUNDS, start: ROUNDS },
      scores: ROUNDS + 2,
    });
    assertEquals(statements, 2 * ROUNDS);
    assert(view > 0 && heartbeat > 0 && frames >= 2 * ROUNDS, JSON.stringify(kinds));
  }
});

Deno.test("train: what leaves about the shard is its digest and counts", async () => {
  const { heard } = await heardRun();
  for (const silo of HEARD) {
    const { digest, counts, size, kernel, fit, labelRule } =
      (await Shard.open(`${dir}/shard-${silo}`)).manifest;
    const [{ build, stepsPerSecond, ...registration }] = heard[silo].said.joins;
    const shard = { silo, shard: digest, splits: counts, size, kernel, fit, labelRule };
    assertEquals(registration, { ...shard, device: "cpu", threads: 1, wire: 8 });
    assert(stepsPerSecond > 0);
    assert(/^[\w.+-]{1,64}$/.test(build), build);
  }
});

Deno.test("train: the frames of each round are the silo's masked update and nothing else", async () => {
  const { federation, heard } = await heardRun();
  for (const silo of HEARD) {
    const events = await readEvents(`${federation.state(silo)}/events.jsonl`);
    const of = (type: string) =>
      events.flatMap((event) => event.type === type && "sha256" in event ? [event.sha256] : []);
    const [masked, plain] = [of("masked"), of("update_written")];
    const { updates, texts } = heard[silo].said;
    assertEquals(updates.map(({ start }) => [start.round, start.encoding]), [[1, 2], [2, 2]]);
    assertEquals(updates.map(({ start }) => start.sha256), masked);
    assertEquals(updates.map(({ bytes }) => createHash("sha256").update(bytes).digest("hex")), masked);
    const staged = await Deno.readFile(`${federation.state(silo)}/staged/masked.i64`);
    assert(updates.at(-1)!.bytes.every((byte, i) => byte === staged[i]) && staged.length > 2e7);
    // Of the update itself not even the digest is said.
    assertEquals(plain.length, ROUNDS);
    for (const digest of plain) assert(!texts.some((text) => text.includes(digest!)), digest);
  }
});

Deno.test("train: statements and readies hold a key of this run, the silo's certificate and its count, nothing else", async () => {
  const { heard } = await heardRun();
  const keys = new Set<string>();
  for (const silo of HEARD) {
    const { statements: [{ statement, certificate }], readies, joins: [{ splits }] } = heard[silo].said;
    const pem = await Deno.readTextFile(`${dir}/tls-${silo}/cert.pem`);
    assertEquals(certificate, Uint8Array.fromBase64(pem.replaceAll(/-----.*-----|\s/g, "")).toHex());
    assertEquals(statement.silo, silo);
    keys.add(statement.publicKey);
    for (const { ready } of readies) {
      assertEquals([ready.silo, ready.publicKey], [silo, statement.publicKey]);
      assertEquals(ready.examples, splits.train.images);
    }
    assertEquals(new Set(readies.map(({ ready }) => ready.nonce)).size, ROUNDS);
  }
  assertEquals(keys.size, HEARD.length);
});

/** Distinct patients and films with a label in the bins from `from` to before `to`. */
function cell(films: { bin: number; label: number; patient: number }[], label: number, [from, to]: number[]) {
  const inside = films.filter((film) => film.label === label && film.bin >= from && film.bin < to);
  return { films: inside.length, patients: new Set(inside.map(({ patient }) => patient)).size };
}

Deno.test("train: no class cell of a closing histogram holds fewer than 5 patients, counted again from shard and model", async () => {
  const { federation, heard } = await heardRun();
  for (const silo of HEARD) {
    const shard = await Shard.open(`${dir}/shard-${silo}`);
    const model = `${federation.state(silo)}/model.safetensors`;
    const logits = await logitsOf(`shard-${silo}`, { dir, model, out: `scores-${silo}.csv` });
    const labels = shard.binary();
    assertEquals(logits.length, shard.count);
    const films = [...shard.rows("test")].map((row) => {
      const inside = Math.floor((logits[row] + 8) / (16 / 62));
      const bin = logits[row] < -8 ? 0 : logits[row] >= 8 ? 63 : inside + 1;
      return { bin, label: labels[row], patient: shard.patients[row] };
    });
    const { first, positives, negatives } = heard[silo].said.scores.at(-1)!.test!.histogram!;
    assert(first.length > 1, "all films in one cell");
    for (const [i, from] of first.entries()) {
      const interval = [from, first[i + 1] ?? 64];
      for (const [label, sent] of [[1, positives[i]], [0, negatives[i]]]) {
        const counted = cell(films, label, interval);
        assertEquals(sent, counted.films);
        assert(
          sent === 0 || counted.patients >= MIN_CELL,
          `${counted.patients} patients in a cell of ${silo}`,
        );
      }
    }
  }
});

/** Names, ids and paths that must stay in the hospital. */
async function secretsOf(silo: string): Promise<string[]> {
  const shard = await Shard.open(`${dir}/shard-${silo}`);
  const [, ...lines] = (await Deno.readTextFile(`${dir}/films-${silo}/labels.csv`)).trim().split("\n");
  const patients = lines.map((line) => line.split(",")[2]);
  const names = await shard.names();
  assertEquals([lines.length, names.length], [shard.count, shard.count]);
  assert([...names, ...patients].every((secret) => secret.length > 6));
  return [
    ...new Set([...names, ...names.map((name) => name.replace(/\.dcm$/, "")), ...patients]),
    dir,
    hostname(),
  ];
}

Deno.test("train: no patient id, file name or path leaves, and no list but the three of the histogram", async () => {
  const { heard } = await heardRun();
  for (const silo of HEARD) {
    const secrets = (await secretsOf(silo)).map((secret) => secret.toLowerCase());
    const { texts } = heard[silo].said;
    for (const text of texts) {
      assertEquals(secrets.filter((secret) => text.toLowerCase().includes(secret)), []);
    }
    const lists = texts.filter((text) => text.startsWith("{")).flatMap((text) => listsOf(JSON.parse(text)));
    const { first, positives, negatives } = heard[silo].said.scores.at(-1)!.test!.histogram!;
    assert(first.length <= 64);
    assertEquals(lists, [first, negatives, positives]);
  }
});

Deno.test("train: with names, UIDs, ages, sexes, views and hashes of ids in the shard, none of them is in any byte that leaves", async () => {
  const { heard } = await heardRun();
  for (const silo of HEARD) {
    const secrets = await privateOf(dir, silo);
    const { sent } = heard[silo].transcript;
    assert(sent.length > 1e7 && secrets.length > 1000 && secrets.every(({ bytes }) => bytes.length > 7));
    assertEquals(leaked(sent, secrets), []);
    // The search finds whatever of it is put there, at any place.
    const kinds = Object.groupBy(secrets, ({ what }) => what) as Record<string, Private[]>;
    assert(Object.keys(kinds).length > 8, Object.keys(kinds).join());
    for (const [what, [...all]] of Object.entries(kinds)) {
      const { bytes } = all[all.length >> 1];
      const spoilt = sent.slice(0, 1e5);
      spoilt.set(bytes, 77_777);
      assert(leaked(spoilt, secrets).includes(what), what);
    }
  }
});

/** The requests with another body for the first one whose path matches. */
function withBody(
  requests: Http2Request[],
  path: RegExp,
  change: (body: Uint8Array) => Uint8Array,
): Http2Request[] {
  const index = requests.findIndex(({ headers }) => path.test(`${headers[0][1]} ${headers[1][1]}`));
  assert(index >= 0);
  return requests.with(index, { ...requests[index], body: new Uint8Array(change(requests[index].body)) });
}

/** A change of the message as an object. */
const edit = (change: (message: Record<string, unknown>) => unknown) => (body: Uint8Array) =>
  new TextEncoder().encode(JSON.stringify(change(JSON.parse(new TextDecoder().decode(body)))));
const append = (text: string) => (body: Uint8Array) =>
  Uint8Array.from([...body, ...new TextEncoder().encode(text)]);

Deno.test("the reader of this test refuses what does not belong: keys, headers, trailing bytes, padding, odd frames", async () => {
  const { transcript: { sent, received }, requests, authority } = (await heardRun()).heard.a;
  const refuses = (changed: Http2Request[]) => assertThrows(() => sortSaid(changed, { authority }));
  refuses(withBody(requests, /scores/, edit((scores) => ({ ...scores, patient: "A0000001" }))));
  refuses(withBody(requests, /scores/, edit((scores) => ({ ...scores, logits: [0.5] }))));
  refuses(withBody(requests, /heartbeat/, edit((beat) => ({ ...beat, phase: "A0000001" }))));
  refuses(withBody(requests, /join/, append(" ")));
  refuses(withBody(requests, /PUT/, append("x")));
  refuses(withBody(requests, /GET/, append("x")));
  refuses(requests.with(0, { ...requests[0], headers: [...requests[0].headers, ["cookie", "x"]] }));
  refuses(requests.with(0, { ...requests[0], headers: requests[0].headers.with(1, [":path", "/v1/other"]) }));

  const frames = [...framesOf(sent.subarray(PREFACE.length))].slice(0, 12);
  assertEquals(frames.slice(0, 4).map(({ type }) => type), [
    FRAME.settings,
    FRAME.settings,
    FRAME.window,
    FRAME.headers,
  ]);
  const bytes = (list: typeof frames, rest = "") =>
    Uint8Array.from(
      [PREFACE, ...list.map(frameBytes), new TextEncoder().encode(rest)].flatMap((part) => [...part]),
    );
  const whole = frames.slice(0, 4);
  assertEquals(await readRequests(bytes(whole), received), requests.slice(0, 1));
  const [get] = whole.slice(3);
  const payload = new TextEncoder().encode("A0000001");
  for (
    const other of [
      bytes(whole, "x"),
      bytes(whole.with(3, { ...get, flags: get.flags | 8 })),
      bytes(whole.with(3, { ...get, payload })),
      bytes([...whole, { type: FRAME.ping, flags: 0, stream: 0, payload }]),
      bytes([...whole, { type: FRAME.ping, flags: 1, stream: 0, payload }]),
      bytes([...whole, { type: FRAME.data, flags: 1, stream: get.stream, payload }]),
      bytes([...whole, { type: FRAME.goAway, flags: 0, stream: 0, payload }]),
      bytes([...whole, { type: FRAME.goAway, flags: 0, stream: 0, payload: new Uint8Array(9) }]),
      bytes([...whole, { type: 77, flags: 0, stream: 0, payload }]),
      bytes(whole.with(0, { ...whole[0], payload: new Uint8Array(18) })),
    ]
  ) await assertRejects(() => readRequests(other, received));
});

Deno.test("a silo that declines tells one code, and nothing else about its shard, its machine or the reason", () =>
  withFederation(async (dir) => {
    const federation = new SteppedRun(dir, {});
    const stop = new AbortController();
    const hub = federation.hub({ signal: stop.signal }).catch(() => {});
    await federation.when("listening");
    const ways = { server: `${dir}/tls-aggregator`, client: `${dir}/tls-b`, port: federation.spec.port };
    const secret = "/films/A0000001.png";
    const reasons: [string, Parameters<SteppedRun["silo"]>[1]][] = [
      ["rounds_not_accepted", { accept: { maxRounds: 3 } }],
      ["too_few_patients", { accept: { minTrainPatients: 12_345 } }],
      ["other_size", { size: 7777 }],
      ["not_ready", { fails: new Error(`Cannot read ${secret}`) }],
    ];
    for (const [code, changes] of reasons) {
      await using tap = await Wiretap.open(ways);
      await assertRejects(() => federation.silo("b", { ...changes, port: tap.port }));
      const [{ sent, received }, ...more] = tap.transcripts;
      assertEquals(more, []);
      const said = sortSaid(await readRequests(sent, received), { authority: `127.0.0.1:${tap.port}` });
      assertEquals(said.kinds, { view: 1, decline: 1 });
      const { run } = federation.of("listening")[0];
      assertEquals(said.texts.at(-1), JSON.stringify({ run, code, wire: 8 }));
      const text = said.texts.join();
      for (const hidden of ["12345", "7777", secret, hostname()]) assert(!text.includes(hidden), text);
    }
    assertEquals(
      federation.of("declined").map(({ silo, code }) => [silo, code]),
      reasons.map(([c]) => ["b", c]),
    );
    stop.abort();
    await hub;
  }));

Deno.test("train: training that diverges ends a silo with exit 1 and tells the aggregator nothing: no text, code or scores", async () => {
  await heardRun();
  const port = freePort();
  const wait = "60s", hub = "--silos a --rounds 1 --lr 10 --batch 4".split(" ");
  await using tap = await Wiretap.open({ server: `${dir}/tls-proxy`, client: `${dir}/tls-a`, port });
  const aggregator = await start(commandOf("hub", { port, state: "wild-hub", wait, hub }), { cwd: dir });
  try {
    const ended = await run(commandOf("a", { port: tap.port, state: "wild-a", wait, hub }), { cwd: dir });
    assertRefused(ended, /expected changes below \d+ in features\.\d.*training has diverged.*lower --lr/);
    const kinds = new Set<string>();
    for (const { sent, received } of tap.transcripts.filter(({ sent }) => sent.length > 0)) {
      const said = sortSaid(await readRequests(sent, received), { authority: `127.0.0.1:${tap.port}` });
      for (const kind of Object.keys(said.kinds)) kinds.add(kind);
    }
    kinds.delete("heartbeat");
    assertEquals([...kinds].toSorted(), ["join", "pull", "view"]);
    const types = (await readEvents(`${dir}/wild-hub/events.jsonl`)).map(({ type }) => type);
    assert(types.includes("row") && !types.includes("upload_started") && !types.includes("refused"));
  } finally {
    aggregator.child.kill("SIGTERM");
    const { code, stderr } = await aggregator.finished;
    assertEquals(code, 143, stderr);
    assertMatch(stderr, /the same command goes on from here/);
  }
});
