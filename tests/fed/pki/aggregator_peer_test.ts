/** Which certificates a silo refuses of an aggregator. */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { nameOf, names, padded, USAGE } from "../../testing/certificates.ts";
import { constraints, dates, hosts, hub, judged, keyUsage, silo, usage } from "./handmade_certificates.ts";

/** Whole certificates that an aggregator might show. */
function ofAggregators(): [string, Uint8Array, string][] {
  return [
    ["a silo's", silo(), "one of the role silo"],
    ["another host's", hosts(names.dns("hub.example")), "one for hub.example"],
    ["a wildcard", hosts(names.dns("localhost"), names.dns("*.example")), "another name than hosts"],
    ["a wildcard of everything", hosts(names.dns("*")), "another name than hosts"],
    [
      "the host as common name only",
      hub({ subject: nameOf("localhost"), extensions: [constraints, keyUsage, usage(USAGE.server)] }),
      "none with the extension alternativeName",
    ],
    ["no host", hosts(), "no host's name"],
    [
      "a URI beside the host",
      hosts(names.dns("localhost"), names.uri("urn:fedx:silo:a")),
      "another name than hosts",
    ],
    [
      "a mail address beside the host",
      hosts(names.dns("localhost"), names.mail("a@b.c")),
      "another name than hosts",
    ],
    ["a host with a zero byte", hosts(names.dns("localhost\0.example")), "another name than hosts"],
    ["a host with a dot behind it", hosts(names.dns("localhost.")), "another name than hosts"],
    ["an address as DNS name", hosts(names.dns("127.0.0.1")), "another name than hosts"],
    ["an address of five bytes", hosts(names.ip(127, 0, 0, 0, 1)), "another name than hosts"],
    ["a network for an address", hosts(names.ip(127, 0, 0, 0, 255, 0, 0, 0)), "another name than hosts"],
    ["expired", hub({ validity: dates(-2, -1) }), "one that expired on"],
    ["early", hub({ validity: dates(1, 2) }), "one that is good from"],
    ["version 1", hub({ version: null }), "a certificate of version 1"],
    ["a byte behind it", padded(hub()), "1 bytes after the end"],
  ];
}

Deno.test("judge refuses whole certificates that an aggregator might show, each with what is wrong", () => {
  for (const [what, der, got] of ofAggregators()) {
    const error = assertThrows(() => judged("aggregator", der, "localhost"), ProtocolError, undefined, what);
    assertStringIncludes(error.got, got, what);
    assertEquals(error.code, "server_certificate", what);
  }
});
