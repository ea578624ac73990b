import { assert, assertEquals, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import { createPublicKey, verify } from "node:crypto";
import * as http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { FLEET } from "../../../src/fed/flower/codec/messages.ts";
import { encode } from "../../../src/fed/flower/codec/protobuf.ts";
import { Fleet, type Transport } from "../../../src/fed/flower/fleet.ts";
import { FlowerIdentity } from "../../../src/fed/flower/identity.ts";
import { LinkError } from "../../../src/fed/flower/link/link.ts";

const identity = new FlowerIdentity(FlowerIdentity.generate());
const BEAT = encode(FLEET.SendNodeHeartbeat[1], { success: true });

/** Whether a call carries a signature of its own time by the key that it names. */
function signed({ key, time, signature }: Record<"key" | "time" | "signature", string>): boolean {
  const pem = Buffer.from(key, "base64");
  assertEquals(pem, Buffer.from(identity.publicKey));
  return verify("sha256", Buffer.from(time), createPublicKey(pem), Buffer.from(signature, "base64"));
}

/** Answers every call of Flower's HTTP in the same way. */
async function overHttp(
  answer: { status: number; body?: BodyInit; type?: string },
  body: (url: URL, asked: string[]) => Promise<void>,
): Promise<void> {
  const asked: string[] = [];
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const header = (name: string) => request.headers.get(`flwr-${name}`)!;
    assert(signed({ key: header("public-key"), time: header("timestamp"), signature: header("signature") }));
    assertEquals(request.headers.get("content-type"), "application/protobuf");
    asked.push(`${request.method} ${new URL(request.url).pathname} ${(await request.bytes()).length}`);
    const type = answer.type ?? "application/protobuf";
    return new Response(answer.body, { status: answer.status, headers: { "content-type": type } });
  });
  await body(new URL(`http://127.0.0.1:${server.addr.port}`), asked);
}

/** The same for gRPC, as an answer of bytes or as a status. */
async function overGrpc(
  answer: { bytes: Uint8Array } | { status: number; words: string },
  body: (url: URL, asked: string[]) => Promise<void>,
): Promise<void> {
  const asked: string[] = [];
  const server = http2.createServer();
  server.on("stream", (stream, headers) => {
    const header = (name: string) => String(headers[`flwr-${name}`]);
    const times = {
      key: header("public-key-bin"),
      time: header("timestamp"),
      signature: header("signature-bin"),
    };
    assert(signed(times));
    asked.push(`${headers[":path"]} ${headers["content-type"]}`);
    const type = { ":status": 200, "content-type": "application/grpc" };
    if ("status" in answer) {
      const told = { "grpc-status": String(answer.status), "grpc-message": encodeURIComponent(answer.words) };
      stream.respond({ ...type, ...told }, { endStream: true });
      return;
    }
    stream.respond(type, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(answer.bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await body(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), asked);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

const framed = (bytes: Uint8Array) => Uint8Array.of(0, 0, 0, 0, bytes.length, ...bytes);

const beat = (url: URL, transport: Transport) =>
  Fleet.open(url, { identity, transport, timeout: 10 }).then(async (fleet) => {
    using open = fleet;
    return [fleet.transport, await open.call("SendNodeHeartbeat", { node: { id: 5n }, interval: 30 })];
  });

Deno.test("over HTTP each call is signed, posted to its own path, and answered in protobuf", () =>
  overHttp({ status: 200, body: BEAT }, async (url, asked) => {
    assertEquals(await beat(url, "auto"), ["http", { success: true }]);
    assertEquals(asked.at(-1), "POST /v1/fleet/send-node-heartbeat 13");
  }));

Deno.test("over gRPC each call is signed and framed; auto finds out that HTTP is not spoken", () =>
  overGrpc({ bytes: framed(BEAT) }, async (url, asked) => {
    assertEquals(await beat(url, "auto"), ["grpc", { success: true }]);
    assertEquals(asked.at(-1), "/flwr.proto.Fleet/SendNodeHeartbeat application/grpc");
  }));

Deno.test("refusals are told apart, and what a link says of them is printable", async () => {
  const json = JSON.stringify({ code: 2004, detail: "no such node\u001b[2J" });
  const statuses = {
    401: "unknown",
    412: "early",
    403: "over",
    503: "away",
    415: "bad",
    500: "away",
    429: "away",
  } as const;
  for (const [status, kind] of Object.entries(statuses)) {
    await overHttp({ status: Number(status), body: json, type: "application/json" }, async (url) => {
      const found = await beat(url, "http").catch((error) => error);
      assert(found instanceof LinkError, String(found));
      assertEquals(found.kind, kind);
      assert(/2004 no such node\?\[2J/.test(found.message), found.message);
    });
  }
  for (
    const [status, kind] of [[16, "unknown"], [9, "early"], [7, "over"], [14, "away"], [13, "away"], [
      8,
      "bad",
    ], [3, "bad"]] as const
  ) {
    await overGrpc({ status, words: "so it is" }, async (url) => {
      const found = await beat(url, "grpc").catch((error) => error);
      assert(found instanceof LinkError && found.kind === kind, String(found));
      assert(found.message.includes(`status ${status} so it is`), found.message);
    });
  }
});

Deno.test("answers that are none are refused: another type, a cut frame, a compressed one, what is not protobuf", async () => {
  await overHttp({ status: 200, body: "<html>", type: "text/html" }, async (url) => {
    await assertRejects(() => beat(url, "http"), LinkError, "got");
  });
  for (const bytes of [framed(BEAT).subarray(0, 6), framed(BEAT).with(0, 1), new Uint8Array(3)]) {
    await overGrpc({ bytes }, async (url) => {
      await assertRejects(() => beat(url, "grpc"), LinkError, "no whole message");
    });
  }
  await overHttp({ status: 200, body: Uint8Array.of(8) }, async (url) => {
    await assertRejects(() => beat(url, "http"), LinkError, "a message of protobuf");
  });
});
