/**
 * Every message of Flower's Fleet API that a node and a link exchange, by number of field.
 *
 * Source: what stock Flower 1.23 to 1.42 sends and takes. Later versions have only added fields, which readers skip.
 */
import type { Message, Table } from "./protobuf.ts";

/** An id of 0 stands for none. */
export const NODE = { id: { no: 1, holds: "u64" } } as const satisfies Table;

export const METADATA = {
  run: { no: 1, holds: "u64" },
  /** The id of the message's object; empty within that object. */
  message: { no: 2, holds: "str" },
  source: { no: 3, holds: "u64" },
  destination: { no: 4, holds: "u64" },
  replyTo: { no: 5, holds: "str" },
  group: { no: 6, holds: "str" },
  /** Seconds. */
  ttl: { no: 7, holds: "double" },
  /** Such as `train` or `evaluate`. */
  type: { no: 8, holds: "str" },
  /** Seconds since 1970. */
  created: { no: 9, holds: "double" },
  sourceTask: { no: 10, holds: "u64", may: true },
  destinationTask: { no: 11, holds: "u64", may: true },
} as const satisfies Table;
export type Metadata = Message<typeof METADATA>;

export const FAILURE = {
  code: { no: 1, holds: "s64" },
  reason: { no: 2, holds: "str" },
} as const satisfies Table;

/** As it is pulled and pushed; the content is empty, its objects travel by themselves. */
export const MESSAGE = {
  metadata: { no: 1, holds: METADATA },
  content: { no: 2, holds: {}, may: true },
  error: { no: 3, holds: FAILURE, may: true },
} as const satisfies Table;

const RECONNECT = { seconds: { no: 1, holds: "u64" } } as const satisfies Table;
const TOLD = { name: { no: 1, holds: "str" }, value: { no: 2, holds: "u32" } } as const satisfies Table;

/** Trees of objects are bytes here, since a tree holds trees: object.ts reads them. */
const CALLS = {
  RegisterNode: [{ key: { no: 1, holds: "bytes" } }, { node: { no: 1, holds: "u64" } }],
  ActivateNode: [
    { key: { no: 1, holds: "bytes" }, interval: { no: 2, holds: "double" } },
    { node: { no: 1, holds: "u64" } },
  ],
  DeactivateNode: [{ node: { no: 1, holds: "u64" } }, {}],
  UnregisterNode: [{ node: { no: 1, holds: "u64" } }, {}],
  SendNodeHeartbeat: [
    { node: { no: 1, holds: NODE }, interval: { no: 2, holds: "double" } },
    { success: { no: 1, holds: "bool" } },
  ],
  PullMessages: [{ node: { no: 1, holds: NODE } }, {
    reconnect: { no: 1, holds: RECONNECT, may: true },
    messages: { no: 2, holds: MESSAGE, many: true },
    trees: { no: 3, holds: "bytes", many: true },
  }],
  PushMessages: [{
    node: { no: 1, holds: NODE },
    messages: { no: 2, holds: MESSAGE, many: true },
    trees: { no: 3, holds: "bytes", many: true },
    /** Seconds that each took. */
    runtimes: { no: 4, holds: "double", many: true },
  }, {
    reconnect: { no: 1, holds: RECONNECT, may: true },
    results: { no: 2, holds: TOLD, many: true },
    wanted: { no: 3, holds: "str", many: true },
    session: { no: 4, holds: "str" },
  }],
  PullObject: [{
    node: { no: 1, holds: NODE },
    run: { no: 2, holds: "u64" },
    object: { no: 3, holds: "str" },
  }, {
    found: { no: 1, holds: "bool" },
    available: { no: 2, holds: "bool" },
    content: { no: 3, holds: "bytes" },
  }],
  PushObject: [{
    node: { no: 1, holds: NODE },
    run: { no: 2, holds: "u64" },
    object: { no: 3, holds: "str" },
    content: { no: 4, holds: "bytes" },
    session: { no: 5, holds: "str" },
  }, { stored: { no: 1, holds: "bool" } }],
  ConfirmMessageReceived: [{
    node: { no: 1, holds: NODE },
    run: { no: 2, holds: "u64" },
    message: { no: 3, holds: "str" },
  }, {}],
  GetRun: [{ node: { no: 1, holds: NODE }, run: { no: 2, holds: "u64" } }, {
    run: {
      no: 1,
      holds: {
        id: { no: 1, holds: "u64" },
        /** `publisher/name`. */
        app: { no: 2, holds: "str" },
        version: { no: 3, holds: "str" },
        /** SHA-256 hex of the app's zip. */
        hash: { no: 5, holds: "str" },
        status: { no: 10, holds: { status: { no: 1, holds: "str" } } },
        federation: { no: 12, holds: "str" },
      },
    },
  }],
  GetFab: [{
    node: { no: 1, holds: NODE },
    hash: { no: 2, holds: "str" },
    run: { no: 3, holds: "u64" },
  }, {
    fab: {
      no: 1,
      holds: {
        hash: { no: 1, holds: "str" },
        content: { no: 2, holds: "bytes" },
        /** Who says what of the app, as texts. */
        verifications: {
          no: 3,
          holds: { name: { no: 1, holds: "str" }, text: { no: 2, holds: "str" } },
          many: true,
        },
      },
    },
  }],
} as const satisfies Record<string, readonly [request: Table, answer: Table]>;

/** The calls of the API: of each the table of its request and of its answer. */
export const FLEET: Readonly<typeof CALLS> = CALLS;
export type Call = keyof typeof CALLS;

/** A call's path over HTTP: `/v1/fleet/pull-messages` for PullMessages. */
export function fleetPath(call: Call): string {
  return `/v1/fleet/${call.replaceAll(/\B[A-Z]/g, "-$&").toLowerCase()}`;
}

export type Request<C extends Call> = Message<typeof CALLS[C][0]>;
export type Reply<C extends Call> = Message<typeof CALLS[C][1]>;
