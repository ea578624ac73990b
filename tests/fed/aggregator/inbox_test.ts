import { assertEquals, assertStringIncludes } from "@std/assert";
import { FRAME, frames, update, withRound } from "../../testing/open_round.ts";

const START = "/v1/rounds/1/update";
const PUT = "/v1/rounds/1/update?offset=0";

/** A body that a test feeds, ends or breaks. */
function feed() {
  let control!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({ start: (c) => void (control = c) });
  return { body, control };
}

Deno.test("Inbox counts an update whose connection broke after the last frame when it is announced again", () =>
  withRound(async ({ run, send, hook }) => {
    const { start, bytes } = update(run);
    await send("a", "POST", START, start);
    const { body, control } = feed();
    const whole = Promise.withResolvers<void>();
    let written = 0;
    hook.at = (name) => {
      if (name === "receiving" && ++written === bytes.length / FRAME) whole.resolve();
    };
    const put = send("a", "PUT", PUT, body);
    control.enqueue(frames(bytes, 0));
    await whole.promise;
    control.error(new Error("the connection broke"));
    assertEquals((await put).status, 500);
    assertEquals(run.state.counted(1).has("a"), false);
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
    control.enqueue(whole.slice(0, 9000));
    await new Promise((resolve) => setTimeout(resolve, 20));
    assertEquals((await send("a", "POST", START, second.start)).json.code, "slots_taken");
    control.enqueue(whole.slice(9000));
    control.close();
    assertEquals((await put).json.receipt.sha256, first.start.sha256);
    assertEquals(await Deno.readFile(run.state.stagedPath(1, "a").whole), first.bytes);
  }));

Deno.test("Inbox grants a slot before a body: of five silos one waits until another's update counts or its silo leaves", () =>
  withRound(async ({ run, send, sessions }) => {
    const { start, bytes } = update(run);
    const ask = async (silo: string) => (await send(silo, "POST", START, start)).json.code ?? "granted";
    for (const silo of ["a", "b", "c", "d"]) assertEquals(await ask(silo), "granted");
    assertEquals([await ask("e"), await ask("a")], ["slots_taken", "granted"]);
    assertEquals((await send("a", "PUT", PUT, frames(bytes, 0))).json.receipt?.silo, "a");
    assertEquals([await ask("e"), await ask("f")], ["granted", "slots_taken"]);
    run.attendance.disconnect("b", sessions.b);
    assertEquals(await ask("f"), "granted");
    assertEquals((await send("b", "PUT", PUT, frames(bytes, 0))).json.code, "slots_taken");
    for (const silo of ["c", "d", "e", "f"]) {
      assertEquals((await send(silo, "PUT", PUT, frames(bytes, 0))).json.receipt?.silo, silo);
    }
    assertEquals((await send("b", "PUT", PUT, frames(bytes, 0))).json.receipt?.silo, "b");
  }, { silos: ["a", "b", "c", "d", "e", "f"], quorum: 6 }));

/** Has the call of `name` whose number is `nth` (from 1), and all after it, fail until disposed of. */
function failing(name: "write" | "sync", nth: number, text: string): Disposable {
  const prototype = Deno.FsFile.prototype as unknown as Record<string, (...args: unknown[]) => unknown>;
  const original = prototype[name];
  let calls = 0;
  prototype[name] = function (...args) {
    return ++calls < nth ? original.apply(this, args) : Promise.reject(new Error(text));
  };
  return { [Symbol.dispose]: () => void (prototype[name] = original) };
}

const FULL = [
  ["No space left on device (os error 28)", "none left"],
  ["Disk quota exceeded (os error 122)", "quota"],
  ["File too large (os error 27)", "ulimit -f"],
];
for (const [text, lack] of FULL) {
  Deno.test(`Inbox answers disk_full for “${text}”, warns once, and goes on where it was once there is room`, () =>
    withRound(async ({ run, send, events, dir }) => {
      const { start, bytes } = update(run);
      await send("a", "POST", START, start);
      {
        using _disk = failing("write", 3, text);
        for (const offset of [0, 8192]) {
          const { status, json } = await send(
            "a",
            "PUT",
            PUT.replace("=0", `=${offset}`),
            frames(bytes, offset),
          );
          assertEquals([status, json.code], [507, "disk_full"]);
          assertStringIncludes(json.expected, dir);
          assertStringIncludes(json.got, lack);
          assertStringIncludes(json.remedy, "goes on by itself");
        }
      }
      const warnings = events.flatMap((event) =>
        event.type === "warning" && event.text.startsWith("Cannot write") ? [event.text] : []
      );
      assertEquals(warnings.length, 1);
      assertStringIncludes(warnings[0], dir);
      assertEquals((await send("a", "POST", START, start)).json, { offset: 8192 });
      const rest = await send("a", "PUT", PUT.replace("=0", "=8192"), frames(bytes, 8192));
      assertEquals(rest.json.receipt?.sha256, start.sha256);
    }));
}

Deno.test("Inbox has an update that could not be synced sent again from the start", () =>
  withRound(async ({ run, send }) => {
    const { start, bytes } = update(run);
    await send("a", "POST", START, start);
    {
      using _disk = failing("sync", 1, "Disk quota exceeded (os error 122)");
      assertEquals((await send("a", "PUT", PUT, frames(bytes, 0))).json.code, "disk_full");
    }
    assertEquals((await send("a", "POST", START, start)).json, { offset: 0 });
    assertEquals((await send("a", "PUT", PUT, frames(bytes, 0))).json.receipt?.sha256, start.sha256);
  }));

Deno.test("Inbox takes no frames once the round is abandoned", () =>
  withRound(async ({ run, send }) => {
    const { start, bytes } = update(run);
    await send("a", "POST", START, start);
    run.beginClosing();
    assertEquals((await send("a", "PUT", PUT, frames(bytes, 0))).json.code, "round_closed");
    assertEquals(run.state.counted(1).has("a"), false);
  }));
