import { assertEquals, assertRejects } from "@std/assert";
import { type ServerSentEventMessage, ServerSentEventStream, STATUS_CODE } from "@std/http";

async function encode(...messages: ServerSentEventMessage[]): Promise<string> {
  return await new Response(ReadableStream.from(messages).pipeThrough(new ServerSentEventStream())).text();
}

Deno.test("ServerSentEventStream: one field a line, an empty line ends the event", async () => {
  const text = await encode({ event: "round", data: "1\n2", id: "7" }, { comment: "alive" });
  assertEquals(text, "event:round\ndata:1\ndata:2\nid:7\n\n:alive\n\n");
});

Deno.test("ServerSentEventStream: a line break in a name is refused", async () => {
  await assertRejects(() => encode({ event: "a\nb", data: "1" }), Error);
});

Deno.test("STATUS_CODE: as in RFC 9110", () => {
  assertEquals([STATUS_CODE.OK, STATUS_CODE.NotFound, STATUS_CODE.ContentTooLarge], [200, 404, 413]);
});
