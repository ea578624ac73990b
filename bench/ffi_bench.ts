/** What does one call into the shim cost? A step takes some 300 ms, so microseconds do not matter; milliseconds would. */
import { checkAsync, openLibrary } from "../src/shim/library.ts";
import { libraries } from "../tests/testing/libraries.ts";

const { symbols } = openLibrary(await libraries());
const out = new Uint8Array(256), err = new Uint8Array(256);
const film = new Uint8Array(128 * 128);
const handle = new Uint32Array(1);
symbols.fedx_data_create(64, 128, 128, new Uint8Array(handle.buffer), err, err.length);

Deno.bench("fedx_live_handles: no arguments, one lock", () => {
  symbols.fedx_live_handles();
});

Deno.bench("fedx_build: four arguments, two buffers", () => {
  symbols.fedx_build(out, out.length, err, err.length);
});

Deno.bench("fedx_data_put: one 128 px film, nonblocking", async () => {
  await checkAsync(
    "fedx_data_put",
    (err, errlen) => symbols.fedx_data_put(handle[0], 0, film, film.length, err, errlen),
  );
});
