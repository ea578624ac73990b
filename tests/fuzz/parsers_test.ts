/** Mutated and truncated bytes through every parser: read as what they now say, or refused with a reason. */
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { parseManifest, shardDigest, type ShardManifest } from "../../src/data/manifest.ts";
import { type ReadOptions, readTable } from "../testing/read_table.ts";
import { ProtocolError } from "../../src/fed/protocol/errors.ts";
import { encodeFrames, FRAME_PAYLOAD, FrameReader } from "../../src/fed/protocol/frame.ts";
import { planOf } from "../../src/fed/aggregator/join.ts";
import {
  parseMessage,
  PlanSchema,
  ProposalSchema,
  UpdateStartSchema,
} from "../../src/fed/protocol/messages.ts";
import { readSafetensors } from "../../src/model/weights/safetensors.ts";
import { safetensorsFile } from "../testing/safetensors_file.ts";
import { readTorchFile } from "../../src/model/weights/torch_file.ts";
import torch from "../golden/torch_files.json" with { type: "json" };
import { proposalOf } from "../testing/fake_federation.ts";
import { startVector, TINY } from "../testing/fake_trainer.ts";
import { registration } from "../testing/open_round.ts";
import { chexpert, mimic, padchest, rsna, vindrBoxes, vindrLabels } from "../testing/published_tables.ts";
import { assertRefusal, campaign, campaignJson, campaignSync, cases } from "./mutate.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));

/** The whole campaign, a tenth of it in CI. */
const COUNTS = {
  frames: 400_000,
  start: 200_000,
  plan: 30_000,
  csv: 150_000,
  tables: 60_000,
  safetensors: 150_000,
  pth: 20_000,
  manifest: 60_000,
};

Deno.test(`FrameReader: what passes is the update's own bytes; ${cases(COUNTS.frames)} mutated streams`, () => {
  const update = random(600);
  const sample = Buffer.concat([...encodeFrames(update, { offset: 0, payload: 250 })]);
  const huge = Buffer.concat([...encodeFrames(random(40), { offset: 0 })]);
  campaignSync([sample, huge], (bytes) => {
    const reader = new FrameReader({ total: 600, offset: 0 });
    const got: Uint8Array[] = [];
    try {
      // In two chunks, so that headers and payloads are cut too.
      for (const chunk of [bytes.subarray(0, bytes.length >> 1), bytes.subarray(bytes.length >> 1)]) {
        for (const { payload, offset } of reader.push(chunk)) {
          assert(payload.length <= Math.min(FRAME_PAYLOAD, 600 - offset));
          got.push(payload.slice());
        }
      }
      reader.end();
    } catch (error) {
      assertRefusal(error, [ProtocolError]);
    }
    const whole = Buffer.concat(got);
    if (whole.length <= 250 || bytes.length < 100) return;
    assertEquals(whole, Buffer.from(update.subarray(0, whole.length)));
  }, { count: COUNTS.frames });
});

for (
  const [name, schema, value] of [
    ["start", UpdateStartSchema, {
      ...{ run: "0".repeat(32), round: 1, base: "1".repeat(64), layout: "2".repeat(64), bytes: 16384 },
      ...{ examples: 96, sha256: "3".repeat(64), encoding: 1, roster: null, wire: 1 },
    }],
    ["plan", PlanSchema, planOf(proposalOf(startVector(TINY)), ["a", "b", "c"].map(registration))],
    ["plan", ProposalSchema, proposalOf(startVector(TINY))],
  ] as const
) {
  Deno.test(`parseMessage: ${cases(COUNTS[name])} mutations of a ${name} (${Object.keys(value).length} keys)`, () => {
    const check = (bytes: Uint8Array) => {
      try {
        const message = parseMessage<object>(schema, bytes, { what: "a message" });
        for (const key of Object.keys(message)) assert(key in value, key);
      } catch (error) {
        assertRefusal(error, [ProtocolError]);
        assert(error instanceof ProtocolError && error.message.length < 2000);
      }
    };
    campaignSync([utf8(JSON.stringify(value))], check, { count: COUNTS[name] / 2 });
    campaignJson(value, check, { count: COUNTS[name] / 2 });
  });
}

/** Checks what is read of mutated labels files. */
function mutateTables(samples: readonly string[], options: { count: number; read?: ReadOptions }): void {
  campaignSync(samples.map(utf8), (bytes) => {
    try {
      for (const { image, findings, bad } of readTable(bytes, options.read).rows) {
        assert(typeof image === "string" && Array.isArray(findings) && (bad === undefined || bad.length > 3));
      }
    } catch (error) {
      assertRefusal(error, [SyntaxError]);
    }
  }, { count: options.count });
}

Deno.test(`a table in NIH's columns: ${cases(COUNTS.csv)} mutated labels files`, () => {
  const csv = "Image Index,Finding Labels,Patient ID,Patient Age,split\r\n" +
    'a.png,No Finding,1,060Y,train\r\n"b,1.png","Mass|Nodule",2,7,val\r\n"c ""x"".png",Effusion,3,,test\r\n';
  mutateTables([csv, `\ufeff${csv}`, csv.replaceAll("\r", "")], { count: COUNTS.csv });
});

Deno.test(`the other published tables: ${cases(COUNTS.tables)} mutated labels files`, () => {
  for (const set of [chexpert(), mimic(), padchest(), vindrLabels(), vindrBoxes(), rsna()]) {
    const few = (path: string) => set.tables[path].split("\n").slice(0, 8).join("\n");
    const beside = Object.fromEntries(
      Object.keys(set.tables).map((path) => [path.replace(/.*\//, ""), few(path)]),
    );
    mutateTables([few(set.labels)], { count: COUNTS.tables / 6, read: { beside } });
  }
});

Deno.test(`readSafetensors: ${cases(COUNTS.safetensors)} mutated files, never more values than bytes`, () => {
  const file = safetensorsFile(
    new Map<string, { shape: number[]; data: Float32Array | BigInt64Array }>([
      ["a.weight", { shape: [2, 3], data: new Float32Array(6) }],
      ["b.num_batches_tracked", { shape: [], data: new BigInt64Array(1) }],
      ["c.bias", { shape: [4], data: new Float32Array(4) }],
    ]),
    { fedx: JSON.stringify({ network: "efficientnet_b0" }) },
  );
  campaignSync([file], (bytes) => {
    try {
      let held = 0;
      for (const { shape, data } of readSafetensors(bytes).tensors.values()) {
        assertEquals(shape.reduce((a, b) => a * b, 1), data.length);
        held += data.byteLength;
      }
      assert(held <= bytes.length);
    } catch (error) {
      assertRefusal(error, [SyntaxError]);
    }
  }, { count: COUNTS.safetensors });
});

Deno.test(`readTorchFile: ${cases(COUNTS.pth)} mutated .pth files, zip and legacy, good and evil`, async () => {
  const samples = (["zip", "legacy", "evil_zip", "evil_legacy"] as const).map((kind) =>
    new Uint8Array(Buffer.from(torch[kind], "base64"))
  );
  await campaign(samples, async (bytes) => {
    try {
      for (const { shape, data } of (await readTorchFile(bytes)).values()) {
        assertEquals(shape.reduce((a, b) => a * b, 1), data.length);
        // An expanded tensor may repeat its storage, as torch saves it; it stays bounded all the same.
        assert(data.length <= 1 << 28);
      }
    } catch (error) {
      assertRefusal(error, [SyntaxError]);
    }
  }, { count: COUNTS.pth });
  await Deno.stat("fedx-was-here").then(() => assert(false, "code was run"), () => {});
});

Deno.test(`parseManifest: ${cases(COUNTS.manifest)} mutated manifests`, () => {
  const file = (bytes: number) => ({ bytes, sha256: "a".repeat(64) });
  const unsigned: Omit<ShardManifest, "digest"> = {
    version: 1,
    count: 2,
    size: 8,
    kernel: "lanczos3",
    fit: "fill",
    labelRule: "any-finding",
    salt: "fedx-1",
    counts: {
      train: { images: 1, patients: 1, positives: 0 },
      val: { images: 1, patients: 1, positives: 0 },
      test: { images: 1, patients: 1, positives: 0 },
    },
    files: {
      ...{ "images.u8": file(128), "labels.u16": file(4), "patient.u32": file(8), "split.u8": file(2) },
      ...{ "names.txt": file(12), "others.bits": file(2) },
    },
    ...{ findings: ["Mass"], unknownFindings: ["Line"], quarantined: {}, sources: {} },
  };
  const added = { "patient.hmac": file(64), "facts.u8": file(6) };
  const newer: typeof unsigned = {
    ...unsigned,
    version: 2,
    files: { ...unsigned.files, ...added },
    ...{ site: "b".repeat(64), evaluation: true, before: ["c".repeat(64)] },
  };
  const samples = [unsigned, newer].map((one) => ({ ...one, digest: shardDigest(one) }));
  const check = (bytes: Uint8Array) => {
    try {
      const { count, size, files, version } = parseManifest(new TextDecoder().decode(bytes), "shard");
      assertEquals(files["images.u8"].bytes, count * size * size);
      if (version > 1) assertEquals(files["facts.u8"].bytes, count * 3);
    } catch (error) {
      assertRefusal(error, [SyntaxError]);
    }
  };
  samples.forEach((sample) => check(utf8(JSON.stringify(sample))));
  campaignSync(samples.map((sample) => utf8(JSON.stringify(sample))), check, { count: COUNTS.manifest / 2 });
  for (const sample of samples) campaignJson(sample, check, { count: COUNTS.manifest / 4 });
});

Deno.test("after all of it no parser holds on to memory", () => {
  assert(Deno.memoryUsage().rss < 1.5 * 2 ** 30, `${Deno.memoryUsage().rss >> 20} MiB`);
});
