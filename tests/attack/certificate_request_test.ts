/** A request can ask to be anybody: what a certificate says is the signer's word, never the request's. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { issuedBy } from "../../src/fed/pki/authority.ts";
import { initCa } from "../../src/fed/pki/ca.ts";
import { makeRequest, signRequest } from "../../src/fed/pki/certificate_request.ts";
import { assertRefused, run } from "../testing/program.ts";
import { inFolder } from "../testing/folder.ts";

/** What hospital b may ask to be in place of itself. */
const ASKED = [
  { name: "a", role: "silo" },
  { name: "hub", role: "aggregator" },
  { name: "b", role: "aggregator" },
  { name: "B", role: "silo" },
] as const;

Deno.test("hospital b's request to be hospital a, or the hub, is not signed, recorded or written", () =>
  inFolder(async (dir) => {
    await initCa(`${dir}/ca`);
    for (const [index, asked] of ASKED.entries()) {
      const { request } = await makeRequest({ ...asked, out: `${dir}/from-b-${index}` });
      const sign = () =>
        signRequest({ request, name: "b", role: "silo", ca: `${dir}/ca`, out: `${dir}/back` });
      const { message } = await assertRejects(sign, Error);
      assertMatch(
        message,
        /^Cannot sign \S+: expected a request of b, role silo \(--name and --role\), got one of /,
      );
      assertMatch(message, new RegExp(`got one of ${asked.name}, role ${asked.role}; `));
      assertEquals(await issuedBy(`${dir}/ca`), []);
      await assertRejects(() => Deno.stat(`${dir}/back`), Deno.errors.NotFound);
    }
  }));

Deno.test("`fedx ca sign` without the signer's --name and --role signs nothing", () =>
  inFolder(async (dir) => {
    await initCa(`${dir}/ca`);
    await makeRequest({ name: "hub", role: "aggregator", out: `${dir}/from-b` });
    const sign = async (...words: string[]) =>
      await run(["ca", "sign", "from-b/request.pem", ...words, "--ca", "ca", "--out", "back"], { cwd: dir });
    for (const words of [[], ["--name", "hub"], ["--role", "aggregator"]]) {
      const { code, stderr } = await sign(...words);
      assertEquals(code, 2, stderr);
      assertMatch(stderr, words[0] === "--name" ? /--role/ : /--name/);
    }
    assertRefused(
      await sign("--name", "b", "--role", "silo"),
      /expected a request of b, role silo .*got one of hub/,
    );
    assertEquals(await issuedBy(`${dir}/ca`), []);
    const { code, stderr } = await sign("--name", "hub", "--role", "aggregator");
    assertEquals(code, 0, stderr);
  }));
