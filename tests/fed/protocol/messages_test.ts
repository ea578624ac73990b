import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import * as messages from "../../../src/fed/protocol/messages.ts";
import {
  newRunId,
  type Plan,
  planId,
  type Proposal,
  type RoundSettings,
  type RunView,
} from "../../../src/fed/protocol/messages.ts";
import { preset } from "../../../src/model/recipe.ts";
import { preprocessingOf } from "../../../src/model/weights/model_file.ts";

const DIGEST = "ab".repeat(32);
const RUN = "0f".repeat(16);

function proposal(): Proposal {
  return {
    version: 6,
    wire: 8,
    network: "efficientnet_b0",
    size: 128,
    channels: 1,
    preprocessing: preprocessingOf(1),
    labelRule: "any-finding",
    recipe: preset("deck"),
    seed: 7,
    rounds: null,
    budget: 1200,
    localEpochs: 1,
    silos: ["a", "b"],
    flower: [],
    quorum: 2,
    masked: null,
    roundTimeout: null,
    joinTimeout: 600,
    init: { kind: "random", source: "seed 7", sha256: DIGEST },
    histogram: { bins: 62, low: -8, high: 8 },
  };
}

function plan(): Plan {
  const pooled = { images: 190, positives: 80 };
  return { ...proposal(), roster: ["a", "b"], pooled, classWeights: [0.8, 1.3] };
}

function row(): RoundSettings {
  return {
    version: 3,
    run: RUN,
    round: 1,
    base: DIGEST,
    roster: ["a", "b"],
    silos: { a: { from: 0, to: 1 }, b: { from: 0, to: 1 } },
    p0: 0,
    p1: 0.5,
    scale: { weights: 32, statistics: 20 },
    score: true,
    last: false,
  };
}

function view(): RunView {
  return {
    version: 3,
    run: RUN,
    state: "round",
    proposal: proposal(),
    plan: plan(),
    planId: planId(plan()),
    row: row(),
    roster: null,
    round: 1,
    selected: null,
  };
}

const read = (value: unknown) => parse(JSON.stringify(value));
const parse = (text: string) => messages.parseMessage(messages.RunViewSchema, text, { what: "the run" });

Deno.test("parseMessage: a whole RunView comes back equal, from both presets", () => {
  assertEquals(read(view()), view());
  const other = { ...view(), proposal: { ...proposal(), recipe: preset("default") }, message: "hello" };
  assertEquals(read(other), other);
  const finished = { ...view(), state: "finished" as const, missing: { b: [2, 3] } };
  assertEquals(read(finished), finished);
});

Deno.test("parseMessage: refusals name the field by its dot path", () => {
  const cases: [(v: ReturnType<typeof view>) => unknown, RegExp][] = [
    [(v) => ({ ...v, extra: 1 }), /without the key extra/],
    [
      (v) => ({ ...v, row: { ...v.row, silos: { a: { from: 0, to: 1, steps: 9 } } } }),
      /row\.silos\.a\.steps/,
    ],
    [(v) => ({ ...v, run: "zz" }), /16 bytes in lower-case hex at run/],
    [(v) => ({ ...v, round: -1 }), />=0 at round.*got -1/],
    [(v) => ({ ...v, round: 1.5 }), /at round/],
    [(v) => ({ ...v, missing: { "../a": [1] } }), /a name of 1–64 letters.* at missing/],
    [(v) => ({ ...v, missing: { a: [] } }), /at missing\.a/],
    [(v) => ({ ...v, message: "x".repeat(2001) }), /at message/],
    [(v) => ({ ...v, proposal: { ...v.proposal, silos: ["a", "../b"] } }), /proposal\.silos\.1/],
    [(v) => ({ ...v, proposal: { ...v.proposal, seed: undefined } }), /with the key proposal\.seed/],
    [(v) => ({ ...v, plan: { ...v.plan, roster: ["x y"] } }), /plan\.roster/],
    [(v) => ({ ...v, row: { ...v.row, p1: 1.01 } }), /<=1 at row\.p1.*got 1\.01/],
    [
      (v) => ({ ...v, proposal: { ...v.proposal, recipe: { ...v.proposal.recipe, warmup: 1 } } }),
      /expected <=0\.99 at proposal\.recipe\.warmup, got 1 /,
    ],
  ];
  for (const [change, text] of cases) {
    const error = assertThrows(() => read(change(view())), ProtocolError);
    assertEquals(error.code, "bad_request");
    assertMatch(error.message, text);
  }
});

Deno.test("parseMessage: a network that this build does not know is named with those it knows, and the remedy", () => {
  const text = JSON.stringify({ ...proposal(), network: "vit_b_16" });
  const read = () =>
    messages.parseMessage(messages.ProposalSchema, text, { what: "a proposal", code: "bad_answer" });
  const { message } = assertThrows(read, ProtocolError);
  assertMatch(
    message,
    /^Cannot read the aggregator's answer: expected .*"resnet18".* at network, got "vit_b_16" \(remedy: run the same/,
  );
});

Deno.test("parseMessage: infinities, broken JSON and broken UTF-8 are refused", () => {
  const text = JSON.stringify(view()).replace('"p1":0.5', '"p1":1e999');
  assertStringIncludes(assertThrows(() => parse(text), ProtocolError).message, "row.p1");
  assertThrows(() => parse("{"), ProtocolError);
  const bytes = new Uint8Array([0x22, 0xff, 0x22]);
  const options = { what: "the answer", code: "bad_answer" } as const;
  const error = assertThrows(
    () => messages.parseMessage(messages.RunViewSchema, bytes, options),
    ProtocolError,
  );
  assertEquals(error.code, "bad_answer");
});

Deno.test("parseMessage: names of Object.prototype never become keys of a record", () => {
  for (const name of ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty"]) {
    const text = JSON.stringify(view()).replace('"silos":["a","b"]', `"silos":["${name}"]`);
    assertThrows(() => parse(text), ProtocolError);
  }
});

const COUNTS = { images: 10, patients: 9, positives: 4 };
/** One of each message that a silo sends or is answered. */
const MESSAGES = {
  RegistrationSchema: {
    silo: "a",
    shard: DIGEST,
    splits: { train: COUNTS, val: COUNTS, test: COUNTS },
    device: "cpu",
    threads: 2,
    build: "x",
    stepsPerSecond: 3.5,
    size: 128,
    kernel: "lanczos3",
    fit: "fill",
    labelRule: "any-finding",
    wire: 8,
  },
  UpdateStartSchema: {
    run: RUN,
    round: 1,
    base: DIGEST,
    layout: DIGEST,
    bytes: 16,
    examples: 9,
    sha256: DIGEST,
    encoding: 1,
    roster: null,
    wire: 8,
  },
  ScoresSchema: {
    run: RUN,
    round: 2,
    auroc: null,
    se: null,
    loss: 0.5,
    positives: 3,
    negatives: 4,
    test: { auroc: 0.9, se: 0.01, positives: 20, negatives: 30, images: 50 },
    seconds: { train: 1.5 },
    images: 12,
    skipped: 3,
    searched: 2,
  },
  HeartbeatSchema: { run: RUN, round: 1, phase: "training", step: 3, steps: 9 },
  ReceiptSchema: { run: RUN, round: 1, silo: "a", sha256: DIGEST, examples: 9 },
  UpdateProgressSchema: { offset: 4 },
  HeartbeatAnswerSchema: { run: RUN, state: "round", round: 1 },
  ReceivedSchema: { received: true },
} as const;

Deno.test("schemas: every message a silo sends passes as it is specified and fails with one field more", () => {
  for (const [name, message] of Object.entries(MESSAGES)) {
    const one = messages[name as keyof typeof MESSAGES] as Parameters<typeof messages.parseMessage>[0];
    assertEquals(messages.parseMessage(one, JSON.stringify(message), { what: "it" }), message);
    const more = JSON.stringify({ ...message, pixel: 1 });
    assertThrows(() => messages.parseMessage(one, more, { what: "it" }), ProtocolError, "pixel");
  }
});

Deno.test("schemas: a silo's counts, speed and durations are bounded, and no deviation is above one half", () => {
  const read = (
    name: "RegistrationSchema" | "UpdateStartSchema" | "ScoresSchema",
    change: Record<string, unknown>,
  ) => {
    const message = { ...MESSAGES[name], ...change };
    return messages.parseMessage<unknown>(messages[name], JSON.stringify(message), { what: "it" });
  };
  const counts = (images: number) => {
    const split = { images, patients: 9, positives: 4 };
    return { splits: { train: split, val: split, test: split } };
  };
  const { test } = MESSAGES.ScoresSchema;
  read("RegistrationSchema", counts(2 ** 22));
  read("ScoresSchema", { seconds: { score: 1e7 }, test: { ...test, se: 0.5 } });
  for (const stepsPerSecond of [1e-3, 1e6]) read("RegistrationSchema", { stepsPerSecond });
  const refused = [
    ...[2 ** 22 + 1, 2 ** 32 - 1, 2 ** 33].map((n) => ["RegistrationSchema", counts(n), "images"] as const),
    ...[0, 5e-324, 1e-6, 1e7].map((stepsPerSecond) =>
      ["RegistrationSchema", { stepsPerSecond }, "stepsPerSecond"] as const
    ),
    ["UpdateStartSchema", { examples: 2 ** 22 + 1 }, "examples"],
    ["ScoresSchema", { seconds: { score: 1e8 } }, "seconds.score"],
    ["ScoresSchema", { test: { ...test, se: 0.51 } }, "test.se"],
    ["ScoresSchema", { se: 0.51 }, "se"],
  ] as const;
  for (const [name, change, field] of refused) assertThrows(() => read(name, change), ProtocolError, field);
});

Deno.test("ProposalSchema and RegistrationSchema: a label rule that is none, or not in its one form, is refused", () => {
  const read = (labelRule: unknown) => {
    const asked = JSON.stringify({ ...proposal(), labelRule });
    messages.parseMessage<unknown>(messages.ProposalSchema, asked, { what: "it" });
    const told = JSON.stringify({ ...MESSAGES.RegistrationSchema, labelRule });
    messages.parseMessage<unknown>(messages.RegistrationSchema, told, { what: "it" });
  };
  for (const rule of ["any-finding", "positive:edema,rib_plate", "exclude:ödem"]) read(rule);
  for (const rule of ["any", "positive:", "positive:Edema", "positive:mass,edema", "exclude:a\u202e", null]) {
    assertThrows(() => read(rule), ProtocolError, "at labelRule");
  }
});

Deno.test("ScoresSchema: of losses, one alone leaves a silo", () => {
  const scores = { ...MESSAGES.ScoresSchema, trainLoss: 0.4 };
  const read = () => messages.parseMessage(messages.ScoresSchema, JSON.stringify(scores), { what: "scores" });
  assertThrows(read, ProtocolError, "trainLoss");
});

Deno.test("planId: independent of key order, changed by any setting; run ids differ", () => {
  const shuffled = Object.fromEntries(Object.entries(plan()).reverse()) as unknown as Plan;
  assertEquals(planId(shuffled), planId(plan()));
  assertNotEquals(planId({ ...plan(), seed: 8 }), planId(plan()));
  assertMatch(newRunId(), /^[0-9a-f]{32}$/);
  assert(newRunId() !== newRunId());
});
