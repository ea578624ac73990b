/** A model whose bytes were changed is refused, wherever models are read; what an older fedx wrote still loads. */
import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { createHash } from "node:crypto";
import { digest } from "../../../src/files/digest.ts";
import { layoutOf } from "../../../src/model/layout.ts";
import { initialWeights } from "../../../src/model/weights/initial.ts";
import {
  loadModel,
  modelOf,
  preprocessingOf,
  saveModel,
  stateDict,
} from "../../../src/model/weights/model_file.ts";
import { randomWeights } from "../../../src/model/weights/random.ts";
import { readSafetensors } from "../../../src/model/weights/safetensors.ts";
import { inFolder } from "../../testing/folder.ts";
import { safetensorsFile } from "../../testing/safetensors_file.ts";

const layout = layoutOf("efficientnet_b0", { channels: 1 });
const weights = randomWeights(layout, 1);
const metadata = {
  network: "efficientnet_b0",
  channels: 1,
  size: 64,
  preprocessing: preprocessingOf(1),
  source: "random weights, seed 1",
  licence: "Apache-2.0",
} as const;
const REMEDY =
  "(remedy: the file was changed after fedx wrote it: copy it again from where it was made, or make it again)";

const saved = { file: "", bytes: new Uint8Array(), text: "" };
await inFolder(async (dir) => {
  saved.file = await saveModel(`${dir}/m.safetensors`, weights, layout, metadata);
  saved.bytes = await Deno.readFile(`${dir}/m.safetensors`);
  saved.text = new TextDecoder("latin1").decode(saved.bytes);
});

/** The saved bytes with others from `at` on. */
function changed(at: number, ...bytes: number[]): Uint8Array<ArrayBuffer> {
  const copy = saved.bytes.slice();
  copy.set(bytes, at);
  return copy;
}

/** The saved bytes with one text of the header in another's place. */
function reworded(from: string, to: string): Uint8Array<ArrayBuffer> {
  const at = saved.text.indexOf(from);
  assertEquals([at > 0, from.length], [true, to.length]);
  return changed(at, ...new TextEncoder().encode(to));
}

/** The saved bytes with the data of two tensors of one length exchanged. */
function swapped(one: string, other: string): Uint8Array<ArrayBuffer> {
  const file = readSafetensors(saved.bytes.slice());
  const [a, b] = [file.tensors.get(one)!, file.tensors.get(other)!];
  file.tensors.set(one, b).set(other, a);
  return safetensorsFile(file.tensors, file.metadata);
}

const DATA = 8 + Number(new DataView(saved.bytes.buffer).getBigUint64(0, true));
const CHANGED: Record<string, [bytes: Uint8Array<ArrayBuffer>, text: string]> = {
  "two bytes of the weights": [
    changed(DATA + 1_000_000, saved.bytes[DATA + 1_000_000] ^ 1, 0),
    "weights of SHA-256 ",
  ],
  "the last weight's sign": [
    changed(saved.bytes.length - 1, saved.bytes.at(-1)! ^ 0x80),
    "weights of SHA-256 ",
  ],
  "a counter": [changed(DATA + 8, 1), "num_batches_tracked of 0, got 1"],
  "two tensors of one length": [
    swapped("features.0.1.running_mean", "features.0.1.running_var"),
    "weights of SHA-256 ",
  ],
  "the image size": [reworded('\\"size\\":64', '\\"size\\":46'), "metadata of SHA-256 "],
  "the mean": [reworded("0.449", "0.494"), "metadata of SHA-256 "],
  "the source": [reworded("seed 1", "seed 2"), "metadata of SHA-256 "],
  "the version": [reworded('\\"version\\":2', '\\"version\\":1'), "metadata of SHA-256 "],
  "the format": [reworded('"pt"', '"qt"'), "metadata of SHA-256 "],
  "the name of the settings": [reworded('"fedx"', '"feds"'), "metadata of SHA-256 "],
  "the name of one digest": [
    reworded("fedx_metadata_", "fedx_metadatas"),
    "the SHA-256 of its metadata, got none",
  ],
  "the other digest": [
    reworded(`"${digest(weights).slice(0, 4)}`, '"0000'),
    "metadata of SHA-256 ",
  ],
};

for (const [what, [bytes, text]] of Object.entries(CHANGED)) {
  Deno.test(`a model is refused when somebody changes ${what}`, () => {
    const error = assertThrows(() => modelOf(readSafetensors(bytes)), SyntaxError, text);
    assertEquals(error.message.includes("expected"), true, error.message);
  });
}

Deno.test("a changed model is refused by name with the remedy, to score with and to start from", () =>
  inFolder(async (dir) => {
    const path = `${dir}/m.safetensors`;
    for (const what of ["two bytes of the weights", "the image size", "the name of the settings"]) {
      await Deno.writeFile(path, CHANGED[what][0]);
      const scored = await assertRejects(
        () => loadModel(path),
        SyntaxError,
        `Cannot load model ${path}: expected `,
      );
      const start = () => initialWeights(layout, { init: path, seed: 1 });
      const begun = await assertRejects(start, SyntaxError, `Cannot read weights ${path}: expected `);
      for (const { message } of [scored, begun]) assertStringIncludes(message, REMEDY);
    }
  }));

Deno.test("a saved model says the digest of its file, and holds that of its weights and of its metadata", () => {
  assertEquals(saved.file, digest(saved.bytes));
  const { metadata: { fedx_metadata_sha256: own, ...others } } = readSafetensors(saved.bytes);
  assertEquals(Object.keys(others), ["format", "fedx", "fedx_weights_sha256"]);
  assertEquals(others.fedx_weights_sha256, digest(weights));
  // RFC 8785 by hand: keys in order, no white space.
  const { fedx, format } = others;
  const canonical = `{"fedx":${JSON.stringify(fedx)},"fedx_weights_sha256":"${
    digest(weights)
  }","format":"${format}"}`;
  assertEquals(own, createHash("sha256").update(canonical).digest("hex"));
  assertEquals(JSON.parse(fedx).version, 2);
});

Deno.test("a model that an older fedx wrote loads, and it is said that it carries no digest", () =>
  inFolder(async (dir) => {
    const fedx = JSON.stringify({ version: 1, ...metadata });
    const path = `${dir}/old.safetensors`;
    await Deno.writeFile(path, safetensorsFile(stateDict(weights, layout), { format: "pt", fedx }));
    const { vector, checked, metadata: read } = await loadModel(path);
    assertEquals([digest(vector), checked, read], [digest(weights), false, metadata]);
    const start = await initialWeights(layout, { init: path, seed: 1 });
    assertEquals([start.sha256, start.source], [digest(weights), "old.safetensors (Apache-2.0)"]);
    assertEquals(
      start.warning,
      `${path} was written by an older fedx and carries no digest: nobody can tell whether it was changed`,
    );
    // Version 2 without digests: somebody took them away.
    const stripped = { format: "pt", fedx: fedx.replace('"version":1', '"version":2') };
    await Deno.writeFile(path, safetensorsFile(stateDict(weights, layout), stripped));
    await assertRejects(() => loadModel(path), SyntaxError, "expected the SHA-256 of its metadata, got none");
  }));

Deno.test("a checkpoint of another program is a start without a word of digests", () =>
  inFolder(async (dir) => {
    const path = `${dir}/b0.safetensors`;
    await Deno.writeFile(path, safetensorsFile(stateDict(weights, layout), { format: "pt" }));
    const { sha256, warning } = await initialWeights(layout, { init: path, seed: 1 });
    assertEquals([sha256, warning], [digest(weights), undefined]);
  }));
