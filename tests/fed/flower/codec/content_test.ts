import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Objects, pack, type Said, unpack } from "../../../../src/fed/flower/codec/content.ts";
import { FLEET } from "../../../../src/fed/flower/codec/messages.ts";
import { decodeNpy, encodeNpy } from "../../../../src/fed/flower/codec/npy.ts";
import { decodeTree, encodeTree, idsOf } from "../../../../src/fed/flower/codec/object.ts";
import { decode, encode } from "../../../../src/fed/flower/codec/protobuf.ts";
import { decodeValues } from "../../../../src/fed/flower/codec/records.ts";
import { digest } from "../../../../src/files/digest.ts";

const MOST = 1 << 20;

/** What stock Flower 1.22, 1.29 and 1.42 made of the same message. */
const GOLDEN = {
  chunk: "1c0de163ebbba9b7e6c78ba9bb113e8b94ff01a03cf67de3321ae49256aa968a",
  array: "9212d8007fc7e1c8cb3f4014662a36c18bbdfb789f431008a376ef6de7b9789a",
  arrays: "86c6ded8f4c0535bf95c47fc376d8681312e31a97dcb4f4715462bc7226d14da",
  metrics: "fab1ac4a4958507d828454d50f6708f186392c8fc7f1ca6e7cad3624028f8075",
  dict: "39e42686a1268a8049bacafc0e2a209bbd0c1372369dc92a76f8fb79c0aa927b",
  message: "0fb1807f784bb5d71f3bf89f2510212f1c14a829dd51b5381aff5d5d3d275f8c",
  push: { bytes: 597, sha256: "885347cd8dd76d90b871888dc939b58612dbac5ee8ed6cfbd47cdb84add48265" },
};

const said: Said = {
  metadata: {
    ...{ run: 7n, message: "", source: 9n, destination: 1n, replyTo: "ab".repeat(32), group: "" },
    ...{ ttl: 3600, type: "train", created: 1750000000.5 },
  },
  content: new Map([
    ["arrays", {
      type: "ArrayRecord",
      arrays: [{
        name: "w",
        npy: encodeNpy({ shape: [3], values: Float32Array.of(1, 2, 3) }),
        ...{ dtype: "float32", shape: [3] },
      }],
    }],
    ["metrics", {
      type: "MetricRecord",
      values: new Map<string, bigint | number | bigint[]>([["num-examples", 3n], ["loss", 0.5], ["l", [
        1n,
        2n,
      ]]]),
    }],
  ]),
};

Deno.test("a message has the objects, ids and bytes that stock Flower gives it", () => {
  const { message, tree, objects } = pack(said);
  assertEquals([...idsOf(tree)], [
    ...[GOLDEN.chunk, GOLDEN.array, GOLDEN.arrays, GOLDEN.metrics, GOLDEN.dict, GOLDEN.message],
  ]);
  assertEquals(message.metadata.message, GOLDEN.message);
  assertEquals([...objects.keys()].toSorted(), [...idsOf(tree)].toSorted());
  const [request] = FLEET.PushMessages;
  const push = encode(request, {
    node: { id: 9n },
    messages: [message],
    trees: [encodeTree(tree)],
    runtimes: [0.25],
  });
  assertEquals([push.length, digest(push)], [GOLDEN.push.bytes, GOLDEN.push.sha256]);
});

Deno.test("a message reads back as it was said, and its tree too", () => {
  const { tree, objects } = pack(said);
  const read = unpack(tree.id, objects, { most: MOST });
  assertEquals(read.metadata, { ...said.metadata, message: GOLDEN.message });
  assertEquals(read.content, said.content);
  assertEquals(decodeTree(encodeTree(tree)), tree);
  const failed: Said = { metadata: said.metadata, error: { code: 2n, reason: "no films" } };
  const packed = pack(failed);
  assertEquals(unpack(packed.tree.id, packed.objects, { most: MOST }).error, failed.error);
});

Deno.test("every kind of value keeps its type", () => {
  const values = new Map<
    string,
    bigint | number | boolean | string | Uint8Array | (string | boolean | number)[]
  >([
    ...[["zero", 0n], ["nought", 0], ["no", false], ["empty", ""], ["least", -(2n ** 63n)]] as const,
    ...[["bytes", Uint8Array.of(0, 255)], ["words", ["a", ""]], ["flags", [true, false]], [
      "none",
      [],
    ]] as const,
  ].map(([name, value]) => [name, value as string]));
  const { tree, objects } = pack({
    metadata: said.metadata,
    content: new Map([["config", { type: "ConfigRecord", values }]]),
  });
  const record = unpack(tree.id, objects, { most: MOST }).content!.get("config")!;
  assert(record.type === "ConfigRecord");
  assertEquals(record.values, values);
});

Deno.test("a large array comes in chunks of 5 MiB, equal ones once", () => {
  const values = new Float32Array(3_000_000);
  const npy = encodeNpy({ shape: [values.length], values });
  const array = { name: "zeros", npy, dtype: "float32", shape: [values.length] };
  const { tree, objects } = pack({
    metadata: said.metadata,
    content: new Map([["arrays", { type: "ArrayRecord", arrays: [array, { ...array, name: "again" }] }]]),
  });
  const chunks = [...objects.values()].filter((bytes) => bytes.length > 1000).map(({ length }) => length);
  assertEquals(chunks, [(5 << 20) + 20, (5 << 20) + 20, npy.length - (10 << 20) + 20]);
  const record = unpack(tree.id, objects, { most: 64 << 20 }).content!.get("arrays")!;
  assert(record.type === "ArrayRecord");
  assertEquals(record.arrays.map(({ name }) => name), ["zeros", "again"]);
  assertEquals(decodeNpy(record.arrays[1].npy, { most: values.length }).values, values);
});

Deno.test("a message whose objects are damaged, lacking, foreign or too large is refused", () => {
  const { tree, objects } = pack(said);
  const without = (id: string, bytes?: Uint8Array): Objects =>
    new Map([...objects].filter(([one]) => one !== id).concat(bytes ? [[id, bytes]] : []));
  for (const id of Object.values(GOLDEN).filter((one) => typeof one === "string")) {
    assertThrows(() => unpack(tree.id, without(id), { most: MOST }), SyntaxError, "lacking");
    const other = objects.get(id)!.with(-1, 7);
    assertThrows(() => unpack(tree.id, without(id, other), { most: MOST }), SyntaxError, "lacking");
  }
  assertThrows(() => unpack(GOLDEN.dict, objects, { most: MOST }), SyntaxError, "expected an object Message");
  assertThrows(() => unpack(tree.id, objects, { most: 500 }), SyntaxError, "at most 500 bytes");
});

Deno.test("an array whose shape is no numbers is refused, not run", () => {
  for (const side of [{ valueOf: 1, toString: 1 }, "3", 1.5, null, [[[]]]]) {
    const arrays = [{ name: "w", npy: new Uint8Array(4), dtype: "float32", shape: [side as number] }];
    const { tree, objects } = pack({
      ...said,
      content: new Map([["arrays", { type: "ArrayRecord", arrays }]]),
    });
    assertThrows(() => unpack(tree.id, objects, { most: MOST }), SyntaxError, "an array");
  }
});

Deno.test("a message of more fields than any app's has is refused before they are kept", () => {
  const empty = new Uint8Array(4 << 20).map((_, i) => i % 2 === 0 ? 0x12 : 0);
  for (
    const read of [
      () => decode(FLEET.PushMessages[0], empty),
      () => decodeTree(empty),
      () => decodeValues(empty),
    ]
  ) {
    const before = Deno.memoryUsage().heapUsed;
    assertThrows(read, SyntaxError, "more than 50000 fields");
    assert(Deno.memoryUsage().heapUsed - before < 64 << 20);
  }
});
