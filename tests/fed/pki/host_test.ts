import { assert, assertEquals, assertThrows } from "@std/assert";
import { hostOf, isDnsName, isHost } from "../../../src/fed/pki/host.ts";
import { hostName } from "../../../src/fed/pki/x509.ts";

/** 253 letters and dots, the longest name. */
const LONGEST = `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(61)}`;

Deno.test("isHost, isDnsName and hostName agree about what a certificate can name, and a URL can reach it", () => {
  const names = [
    "localhost",
    "Hub.example",
    "my_hub",
    "1hub.2b",
    "7.example",
    "xn--bcher-kva.example",
    LONGEST,
  ];
  const addresses = ["10.0.0.7", "::1", "fe80::1", "2001:db8:0:0::7"];
  for (const host of [...names, ...addresses]) {
    const named = names.includes(host);
    assertEquals([isHost(host), isDnsName(host)], [true, named], host);
    assertEquals(hostName(host).type, named ? "dns" : "ip", host);
    const url = new URL(`https://${host.includes(":") ? `[${host}]` : host}:8443`);
    assertEquals(hostOf(url), hostName(host).value.toString().toLowerCase());
  }
});

Deno.test("isHost, isDnsName and hostName refuse what is no host: numbers, wildcards, long labels, dots, zones", () => {
  const odd = [
    "",
    ".",
    "hub.",
    "a..b",
    "-a",
    "a-",
    "*",
    "*.example",
    "a b",
    "hub:8443",
    "[::1]",
    "https://hub",
  ];
  const numbers = ["1", "1.2.3", "10.0.0.999", "1.2.3.4.5", "hub.7", "0x7f", "hub.0x1"];
  const long = ["a".repeat(64), `${"a".repeat(64)}.example`, `e${LONGEST}`];
  for (const host of [...odd, ...numbers, ...long, "fe80::1%eth0", "hub\n", "h\u00fcb.example"]) {
    assert(!isHost(host) && !isDnsName(host), host);
    assertThrows(() => hostName(host), RangeError, "without wildcards");
  }
});

Deno.test("hostOf takes off the dot that may end a name, and an address's brackets", () => {
  assertEquals(hostOf(new URL("https://Hub.Example./")), "hub.example");
  assertEquals(hostOf(new URL("https://hub.example:8443/x")), "hub.example");
  assertEquals(hostOf(new URL("https://[2001:DB8:0::7]:8443")), "2001:db8::7");
});
