/** Threads that decode: one that is stuck or dies costs its film alone. */
import { assertEquals, assertRejects } from "@std/assert";
import { DicomWorkers } from "../../../src/data/dicom/workers.ts";
import { DataError } from "../../../src/data/quarantine.ts";

/** A thread that answers an order by the first byte of its file: 0 never, 1 it dies, else the film that the byte is. */
const module = new URL(
  "data:text/javascript," + encodeURIComponent(`
    self.onmessage = ({ data: { file: [kind] } }) => {
      if (kind === 0) for (;;);
      if (kind === 1) throw new Error("out of memory");
      self.postMessage({ film: { width: kind } });
    };
  `),
);

const file = (kind: number) => Uint8Array.of(kind);

Deno.test("decode: a film at which its thread is stuck or dies is refused, and the others are decoded", async () => {
  using workers = new DicomWorkers({ threads: 2, seconds: 2, module });
  const kinds = [7, 0, 8, 1, 9, 0, 1, 10, 11];
  const films = await Promise.allSettled(kinds.map((kind) => workers.decode(file(kind))));
  assertEquals(
    films.map((film) => film.status === "fulfilled" ? film.value.width : film.reason.reason),
    kinds.map((kind) => kind > 1 ? kind : "truncated"),
  );
  const error = await assertRejects(() => workers.decode(file(0)), DataError);
  assertEquals(error.message, "Cannot decode the image: it takes more than 2 s");
});

Deno.test("dispose: films at work or waiting leave no thread and no timer behind", () => {
  using workers = new DicomWorkers({ threads: 1, module });
  for (const kind of [0, 7]) workers.decode(file(kind));
});
