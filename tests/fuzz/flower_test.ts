/** Mutated messages, objects, records and arrays of Flower through the codec: read, or refused with a reason. */
import { assert } from "@std/assert";
import { Buffer } from "node:buffer";
import { type Objects, pack, unpack } from "../../src/fed/flower/codec/content.ts";
import { FLEET } from "../../src/fed/flower/codec/messages.ts";
import { decodeNpy, encodeNpy } from "../../src/fed/flower/codec/npy.ts";
import {
  decodeObject,
  decodeTree,
  encodeObject,
  encodeTree,
  idsOf,
  objectId,
} from "../../src/fed/flower/codec/object.ts";
import { decode, encode } from "../../src/fed/flower/codec/protobuf.ts";
import { decodeValues, encodeValues, type RecordValue } from "../../src/fed/flower/codec/records.ts";
import { assertRefusal, campaignSync, cases } from "./mutate.ts";

/** The whole campaign, a tenth of it in CI. */
const COUNTS = { calls: 150_000, objects: 100_000, contents: 100_000, records: 75_000, arrays: 75_000 };
/** Bytes that a message may have, and numbers that an array may. */
const MOST = 1 << 16;

const values = new Map<string, RecordValue>([
  ...Object.entries({
    "num-examples": 3n,
    loss: 0.5,
    l: [1n, 2n],
    name: "x",
    flags: [true],
    raw: new Uint8Array(4),
  }),
]);
const float = (shape: number[]) => {
  const length = shape.reduce((product, side) => product * side, 1);
  return encodeNpy({ shape, values: Float32Array.from({ length }, (_, i) => i) });
};
const packed = pack({
  metadata: {
    ...{ run: 7n, message: "", source: 9n, destination: 1n, replyTo: "ab".repeat(32), group: "1" },
    ...{ ttl: 3600, type: "train", created: 1750000000.5, sourceTask: 4n },
  },
  content: new Map([
    ["arrays", {
      type: "ArrayRecord",
      arrays: [
        { name: "w", npy: float([3, 2]), dtype: "float32", shape: [3, 2] },
        { name: "n", npy: float([]), dtype: "", shape: [] },
      ],
    }],
    ["metrics", { type: "MetricRecord", values }],
  ]),
});

/** Reads, and lets nothing pass but a refusal. */
function tried<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    assertRefusal(error, [SyntaxError]);
  }
}

Deno.test(`calls: ${cases(COUNTS.calls)} mutated messages of protobuf, trees included`, () => {
  const [request] = FLEET.PushMessages, [, answer] = FLEET.PullMessages;
  const messages = [packed.message], trees = [encodeTree(packed.tree)];
  const push = encode(request, { node: { id: 9n }, messages, trees, runtimes: [0.25, 1] });
  const pulled = encode(answer, { reconnect: { seconds: 3n }, messages, trees });
  campaignSync([push, pulled, trees[0]], (bytes) => {
    for (const table of [request, answer]) {
      const read = tried(() => decode(table, bytes));
      for (const tree of read?.trees ?? []) tried(() => idsOf(decodeTree(tree)));
    }
    tried(() => decodeTree(bytes));
  }, { count: COUNTS.calls });
});

Deno.test(`objects: ${cases(COUNTS.objects)} mutated ones have a body within their bytes`, () => {
  campaignSync([...packed.objects.values()], (bytes) => {
    const object = tried(() => decodeObject(bytes));
    if (object === undefined) return;
    assert(object.body.length <= bytes.length && object.body.buffer === bytes.buffer);
    assert(
      Buffer.compare(encodeObject(object).slice(-object.body.length), object.body) === 0 ||
        !object.body.length,
    );
  }, { count: COUNTS.objects });
});

/** The packed message's objects with another body for one of them, and with the ids that follow from that. */
function withBody(changed: string, body: Uint8Array): { id: string; objects: Objects } {
  const objects: Objects = new Map();
  const put = (id: string): string => {
    const object = decodeObject(packed.objects.get(id)!);
    const children = object.children.map(put);
    let text = Buffer.from(id === changed ? body : object.body).toString("latin1");
    object.children.forEach((old, i) => text = text.replaceAll(old, children[i]));
    const bytes = encodeObject({ ...object, children, body: Buffer.from(text, "latin1") });
    objects.set(objectId(bytes), bytes);
    return objectId(bytes);
  };
  return { id: put(packed.tree.id), objects };
}

Deno.test(`contents: ${cases(COUNTS.contents)} messages with one mutated body`, () => {
  const bodies = [...packed.objects].map(([id, bytes]) => ({ id, body: decodeObject(bytes).body }));
  let turn = 0;
  campaignSync(bodies.map(({ body }) => body), (bytes) => {
    const { id, objects } = withBody(bodies[turn++ % bodies.length].id, bytes);
    const said = tried(() => unpack(id, objects, { most: MOST }));
    for (const record of said?.content?.values() ?? []) {
      if (record.type !== "ArrayRecord") continue;
      for (const { npy } of record.arrays) tried(() => decodeNpy(npy, { most: MOST }));
    }
  }, { count: COUNTS.contents });
});

Deno.test(`records: ${cases(COUNTS.records)} mutated ones`, () => {
  campaignSync([encodeValues(values)], (bytes) => void tried(() => decodeValues(bytes)), {
    count: COUNTS.records,
  });
});

Deno.test(`arrays: ${cases(COUNTS.arrays)} mutated .npy files hold no more numbers than their bytes have room for`, () => {
  campaignSync([float([3, 2]), float([64]), float([])], (bytes) => {
    const array = tried(() => decodeNpy(bytes, { most: MOST }));
    if (array !== undefined) assert(array.values.length * 4 <= bytes.length);
  }, { count: COUNTS.arrays });
});
