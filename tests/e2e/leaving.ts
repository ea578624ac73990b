/** What may leave a silo, as docs/privacy.md lists it: the kinds of messages, each with all that it may hold. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type * as v from "valibot";
import { FrameReader } from "../../src/fed/protocol/frame.ts";
import {
  type Decline,
  DeclineSchema,
  type Heartbeat,
  HeartbeatSchema,
  parseMessage,
  type Registration,
  RegistrationSchema,
  type Scores,
  ScoresSchema,
  type SignedReady,
  SignedReadySchema,
  type SignedStatement,
  SignedStatementSchema,
  type UpdateStart,
  UpdateStartSchema,
} from "../../src/fed/protocol/messages.ts";
import { joinChunks } from "../../src/fed/wire/exchange.ts";
import type { Http2Request } from "../testing/http2_requests.ts";

type Schema = v.GenericSchema<unknown, unknown>;
const JSON_TYPE = { "content-type": /^application\/json$/ };

/** By name: method and path, what the body is, and the headers besides HTTP/2's own. */
const KINDS: Record<string, [RegExp, Schema | "frames" | "nothing", Record<string, RegExp>?]> = {
  view: [/^GET \/v1\/run(\?seen=[a-z]{5,8}\.\d{1,4}\.[01](\.roster)?&wait=\d{1,2})?$/, "nothing"],
  pull: [/^GET \/v1\/rounds\/\d{1,4}\/model$/, "nothing", { range: /^bytes=\d{1,8}-\d{1,8}$/ }],
  statement: [/^POST \/v1\/statement$/, SignedStatementSchema, JSON_TYPE],
  statements: [/^GET \/v1\/roster$/, "nothing"],
  ready: [/^POST \/v1\/rounds\/\d{1,4}\/ready$/, SignedReadySchema, JSON_TYPE],
  roster: [/^GET \/v1\/rounds\/\d{1,4}\/roster$/, "nothing"],
  join: [/^POST \/v1\/join$/, RegistrationSchema, JSON_TYPE],
  start: [/^POST \/v1\/rounds\/\d{1,4}\/update$/, UpdateStartSchema, JSON_TYPE],
  frames: [/^PUT \/v1\/rounds\/\d{1,4}\/update\?offset=\d{1,8}$/, "frames"],
  decline: [/^POST \/v1\/decline$/, DeclineSchema, JSON_TYPE],
  scores: [/^POST \/v1\/rounds\/\d{1,4}\/scores$/, ScoresSchema, JSON_TYPE],
  heartbeat: [/^POST \/v1\/heartbeat$/, HeartbeatSchema, JSON_TYPE],
};

/** Everything that a silo said, by kind. */
export interface Said {
  /** How often each kind came. */
  kinds: Record<string, number>;
  statements: SignedStatement[];
  readies: SignedReady[];
  joins: Registration[];
  declines: Decline[];
  scores: Scores[];
  heartbeats: Heartbeat[];
  /** Announced updates, each with the bytes that its frames carried. */
  updates: { start: UpdateStart; bytes: Uint8Array<ArrayBuffer> }[];
  /** Every message and header as text; frames left out. */
  texts: string[];
}

/** Sorts a silo's requests. @throws for one that is of no kind, or holds anything that its kind does not. */
export function sortSaid(requests: readonly Http2Request[], options: { authority: string }): Said {
  const said: Said = {
    kinds: {},
    statements: [],
    readies: [],
    joins: [],
    declines: [],
    scores: [],
    heartbeats: [],
    updates: [],
    texts: [],
  };
  for (const request of requests) {
    const { kind, path, schema } = kindOf(request, options.authority);
    said.kinds[kind] = (said.kinds[kind] ?? 0) + 1;
    said.texts.push(request.headers.flat().join("\n"));
    if (schema === "nothing") assertEquals(request.body.length, 0, `a body of ${path}`);
    else if (schema === "frames") takeFrames(said, path, request.body);
    else takeMessage(said, kind, readMessage(said, schema, request.body));
  }
  return said;
}

function kindOf({ headers }: Http2Request, authority: string) {
  const [method, path, ...rest] = [":method", ":path", ":authority", ":scheme"].map((wanted, index) => {
    const [name, value] = headers[index] ?? [];
    assertEquals(name, wanted);
    return value;
  });
  assertEquals(rest, [authority, "https"]);
  const found = Object.entries(KINDS).find(([, [pattern]]) => pattern.test(`${method} ${path}`));
  assert(found !== undefined, `${method} ${path}`);
  const [kind, [, schema, more = {}]] = found;
  const others = headers.slice(4);
  assertEquals(others.map(([name]) => name), Object.keys(more), `headers of ${path}`);
  for (const [name, value] of others) assertMatch(value, more[name]);
  return { kind, path, schema };
}

/** A message has one spelling: no space, no key twice, nothing after it. */
function readMessage(said: Said, schema: Schema, body: Uint8Array): unknown {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(body);
  const message = parseMessage(schema, text, { what: "a message" });
  assertEquals(text, JSON.stringify(JSON.parse(text)));
  said.texts.push(text);
  return message;
}

function takeMessage(said: Said, kind: string, message: unknown): void {
  if (kind === "statement") said.statements.push(message as SignedStatement);
  else if (kind === "ready") said.readies.push(message as SignedReady);
  else if (kind === "join") said.joins.push(message as Registration);
  else if (kind === "decline") said.declines.push(message as Decline);
  else if (kind === "scores") said.scores.push(message as Scores);
  else if (kind === "heartbeat") said.heartbeats.push(message as Heartbeat);
  else said.updates.push({ start: message as UpdateStart, bytes: new Uint8Array() });
}

/** Frames of the update announced last, from where it stands. */
function takeFrames(said: Said, path: string, body: Uint8Array): void {
  const update = said.updates.at(-1);
  assert(update !== undefined, "frames before an announcement");
  const { start, bytes } = update;
  assertEquals(path, `/v1/rounds/${start.round}/update?offset=${bytes.length}`);
  const reader = new FrameReader({ total: start.bytes, offset: bytes.length });
  const payloads = [...reader.push(body)].map(({ payload }) => payload.slice());
  reader.end();
  update.bytes = joinChunks([bytes, ...payloads]);
}

/** Every list in a message, at any depth. A record of many values would be one, too: it counts from 17 keys on. */
export function listsOf(value: unknown): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  const inner = Object.values(value);
  return [...Array.isArray(value) || inner.length > 16 ? [value] : [], ...inner.flatMap(listsOf)];
}
