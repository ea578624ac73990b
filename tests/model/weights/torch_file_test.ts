import { assertEquals, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import { stat } from "node:fs/promises";
import { readTorchFile } from "../../../src/model/weights/torch_file.ts";
import golden from "../../golden/torch_files.json" with { type: "json" };

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, "base64"));

for (const kind of ["zip", "legacy", "wrapped"] as const) {
  Deno.test(`readTorchFile reads torch.save's ${kind} file: strided, sliced, 0-d, double, parameter`, async () => {
    const read = await readTorchFile(bytesOf(golden[kind]));
    const expected = Object.entries(golden.state).map(([name, { shape, data }]) => [name, [shape, data]]);
    const got = [...read].map(([name, { shape, data }]) => [name, [shape, [...data]]]);
    assertEquals(Object.fromEntries(got), Object.fromEntries(expected));
  });
}

for (const kind of ["evil_zip", "evil_legacy"] as const) {
  Deno.test(`readTorchFile refuses a .pth that wants to run code (${kind}), with the remedy`, async () => {
    const error = await assertRejects(
      () => readTorchFile(bytesOf(golden[kind])),
      SyntaxError,
      "could run code",
    );
    assertEquals(
      /posix\.system/.test(error.message) && /state_dict/.test(error.message),
      true,
      error.message,
    );
    await assertRejects(() => stat("fedx-was-here"));
  });
}

Deno.test("readTorchFile refuses every cut of a file and flipped values", async () => {
  for (const kind of ["zip", "legacy"] as const) {
    const bytes = bytesOf(golden[kind]);
    for (let n = 0; n < bytes.length; n += 7) {
      await assertRejects(() => readTorchFile(bytes.subarray(0, n)), SyntaxError, "Cannot read weights");
    }
  }
  const flipped = bytesOf(golden.zip);
  const at = Buffer.from(flipped.buffer).indexOf(Buffer.from(Float32Array.of(1.375).buffer));
  flipped[at] ^= 1;
  await assertRejects(() => readTorchFile(flipped), SyntaxError, "Cannot read weights");
});

Deno.test("readTorchFile refuses a storage that is shorter than its tensor", async () => {
  // BININT1 12 (the count of storage 0) becomes 11: persistent id and bytes disagree.
  const bytes = bytesOf(golden.legacy);
  const text = Buffer.from(bytes.buffer);
  const at = text.indexOf("cpu") + 5;
  assertEquals([bytes[at], bytes[at + 1]], [0x4b, 12]);
  bytes[at + 1] = 200;
  await assertRejects(() => readTorchFile(bytes), SyntaxError, "Cannot read weights");
});

Deno.test("readTorchFile refuses other files", async () => {
  await assertRejects(() => readTorchFile(new TextEncoder().encode("hello")), SyntaxError, "torch.save");
});
