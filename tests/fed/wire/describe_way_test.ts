import { assertEquals } from "@std/assert";
import { describeWay, SILENT } from "../../../src/fed/wire/describe_way.ts";

const server = new URL("https://hub.example:8443");
const two = () => Promise.resolve(["10.0.0.7", "fd00::7"]);

Deno.test("a connection that fails names host, addresses, port and reason", async () => {
  const refused = await describeWay(server, { code: "ECONNREFUSED" }, two);
  assertEquals(
    refused?.text,
    "hub.example (10.0.0.7, fd00::7), port 8443: the connection is refused: nothing listens there, " +
      "or a firewall is in the way",
  );
  assertEquals(
    (await describeWay(new URL("https://[fd00::7]"), SILENT, two))?.text,
    "fd00::7, port 443: no answer: the machine is off, or a firewall is in the way",
  );
  const lost = () => Promise.reject(new Error("no name server"));
  assertEquals(
    (await describeWay(server, { code: "EHOSTUNREACH" }, lost))?.text,
    "hub.example, port 8443: this machine has no way there",
  );
});

Deno.test("a host that no name server knows is told from name servers that are out of reach", async () => {
  assertEquals(await describeWay(server, { code: "ENOTFOUND" }), {
    text: "hub.example has no address: no name server or hosts file knows it",
    unknownHost: "hub.example",
  });
  assertEquals(await describeWay(server, { code: "EAI_AGAIN" }), {
    text: "hub.example cannot be looked up: no name server of this machine answers",
  });
  assertEquals([await describeWay(server, { code: "EOTHER" }), await describeWay(server, undefined)], [
    null,
    null,
  ]);
});
