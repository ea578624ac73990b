import { assertEquals } from "@std/assert";
import { frames, update, withRound } from "./open_round.ts";

const START = "/v1/rounds/1/update";
const PUT = "/v1/rounds/1/update?offset=0";

/** A body that a test feeds, ends or breaks. */
function feed() {
  let control!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({ start: (c) => void (control = c) });
  return { body, control };
}

Deno.test("Inbox counts an update whose connection broke after the last frame when it is announced again", () =>
  withRound(async ({ run, send }) => {
    const { start, bytes } = update(run);
    await send("a", "POST", START, start);
    const { body, control } = feed();
    const put = send("a", "PUT", PUT, body);
    control.enqueue(frames(bytes, 0));
    await new Promise((resolve) => setTimeout(resolve, 50));
    control.error(new Error("the connection broke"));
    assertEquals((await put).status, 500);
    assertEquals(run.state.receipt(1, "a"), null);
    const again = await send("a", "POST", START, start);
    assertEquals([again.status, again.json.receipt?.sha256], [200, start.sha256]);
    assertEquals(await Deno.readFile(run.state.stagedPath(1, "a").whole), bytes);
  }));

Deno.test("Inbox answers slots_taken while an update is synced and counted, then the receipt", () =>
  withRound(async ({ run, send, hook }) => {
    const { start, bytes } = update(run);
    await send("a", "POST", START, start);
    const reached = Promise.withResolvers<void>(), go = Promise.withResolvers<void>();
    hook.at = async (name) => {
      if (name !== "received") return;
      reached.resolve();
      await go.promise;
    };
    const put = send("a", "PUT", PUT, frames(bytes, 0));
    await reached.promise;
    const meanwhile = await send("a", "POST", START, start);
    assertEquals([meanwhile.status, meanwhile.json.code], [503, "slots_taken"]);
    go.resolve();
    assertEquals((await put).json.receipt.sha256, start.sha256);
    assertEquals((await send("a", "POST", START, start)).json.receipt.sha256, start.sha256);
  }));

Deno.test("Inbox lets no other announcement touch an update under way", () =>
  withRound(async ({ run, send }) => {
    const first = update(run), second = update(run, {}, 0.02);
    await send("a", "POST", START, first.start);
    const { body, control } = feed();
    const put = send("a", "PUT", PUT, body);
    const whole = frames(first.bytes, 0);
    control.enqueue(whole.subarray(0, 9000));
    await new Promise((resolve) => setTimeout(resolve, 20));
    assertEquals((await send("a", "POST", START, second.start)).json.code, "slots_taken");
    control.enqueue(whole.subarray(9000));
    control.close();
    assertEquals((await put).json.receipt.sha256, first.start.sha256);
    assertEquals(await Deno.readFile(run.state.stagedPath(1, "a").whole), first.bytes);
  }));

Deno.test("Inbox goes on after a write that failed, without hashing the frame twice", () =>
  withRound(async ({ run, send }) => {
    const { start, bytes } = update(run);
    await send("a", "POST", START, start);
    const { write } = Deno.FsFile.prototype;
    let writes = 0;
    Deno.FsFile.prototype.write = function (part) {
      if (++writes === 3) return Promise.reject(new Error("No space left on device (os error 28)"));
      return write.call(this, part);
    };
    try {
      assertEquals((await send("a", "PUT", PUT, frames(bytes, 0))).status, 500);
    } finally {
      Deno.FsFile.prototype.write = write;
    }
    assertEquals((await send("a", "POST", START, start)).json, { offset: 8192 });
    const rest = await send("a", "PUT", "/v1/rounds/1/update?offset=8192", frames(bytes, 8192));
    assertEquals(rest.json.receipt?.sha256, start.sha256);
  }));

Deno.test("Inbox takes no frames once the round is abandoned", () =>
  withRound(async ({ run, send }) => {
    const { start, bytes } = update(run);
    await send("a", "POST", START, start);
    run.phase = "closing";
    assertEquals((await send("a", "PUT", PUT, frames(bytes, 0))).json.code, "round_closed");
    assertEquals(run.state.receipt(1, "a"), null);
  }));
