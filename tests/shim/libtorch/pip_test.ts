import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { explain, pipDownload } from "../../../src/shim/libtorch/pip.ts";
import { fileDigest } from "../../../src/files/digest.ts";
import { unpackWheel } from "../../../src/shim/libtorch/wheel.ts";
import { withEnv, workingIn } from "../../testing/environment.ts";
import { inFolder } from "../../testing/folder.ts";
import { makeWheel } from "../../testing/probe_wheel.ts";

Deno.test("pipDownload: leaves exactly the wheel and returns its path; nothing in it is run", () =>
  inFolder(async (folder) => {
    const wheel = await makeWheel(folder);
    await Deno.mkdir(`${folder}/to`);
    const lines: string[] = [];
    const env = { PIP_NO_INDEX: "1", PIP_FIND_LINKS: folder };
    const got = await pipDownload("probe==1.0", {
      to: `${folder}/to`,
      onLine: (line) => lines.push(line),
      env,
    });
    assertEquals(got, `${folder}/to/probe-1.0-py3-none-any.whl`);
    assertEquals(await fileDigest(got), await fileDigest(wheel));
    assertEquals([...Deno.readDirSync(`${folder}/to`)].map((entry) => entry.name), [
      "probe-1.0-py3-none-any.whl",
    ]);
    assert(lines.some((line) => line.includes("downloaded probe")), lines.join("\n"));
  }));

Deno.test("pipDownload: relative paths mean the working folder, in its options and in pip's settings", () =>
  inFolder(async (parent) => {
    const folder = `${parent}/two words`;
    await Deno.mkdir(`${folder}/wheels`, { recursive: true });
    await Deno.mkdir(`${folder}/to`);
    await makeWheel(`${folder}/wheels`);
    await Deno.writeTextFile(`${folder}/pins.txt`, "probe==1.0\n");
    await Deno.writeTextFile(`${folder}/pip.conf`, "[global]\nno-index = true\n");
    const settings = {
      PIP_CONFIG_FILE: "pip.conf",
      PIP_FIND_LINKS: "/nowhere ./wheels",
      PIP_CONSTRAINT: "pins.txt",
    };
    await workingIn(folder, () =>
      withEnv(settings, async () => {
        assertEquals(await pipDownload("probe", { to: "to" }), "to/probe-1.0-py3-none-any.whl");
        assertEquals(
          await unpackWheel("to/probe-1.0-py3-none-any.whl", { to: "tree", rules: { "probe/": "" } }),
          3,
        );
        assertEquals((await Deno.stat("tree/lib/a.so")).size, 3_000_000);
        await Deno.writeTextFile("pins.txt", "probe==2.0\n");
        await assertRejects(() => pipDownload("probe", { to: "to" }), Error, "Cannot fetch probe");
      }));
  }));

Deno.test("pipDownload: certificates that the environment names by relative paths are the working folder's", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/python`, "#!/bin/sh\nenv\n", { mode: 0o755 });
    const files = ["PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "NETRC"];
    const settings = {
      ...Object.fromEntries(files.map((name) => [name, `certs/${name}.pem`])),
      PIP_CLIENT_CERT: "/etc/client.pem",
      SSL_CERT_DIR: "certs:/etc/ssl/certs:./more",
    };
    const seen: string[] = [];
    const onLine = (line: string) => void seen.push(line);
    await workingIn(folder, () =>
      withEnv(settings, async () => {
        const run = () => pipDownload("probe", { to: folder, python: "./python", onLine });
        await assertRejects(run, Error, "expected pip to leave a wheel");
        const here = Deno.cwd();
        const wanted = [
          ...files.map((name) => `${name}=${here}/certs/${name}.pem`),
          "PIP_CLIENT_CERT=/etc/client.pem",
          `SSL_CERT_DIR=${here}/certs:/etc/ssl/certs:${here}/more`,
        ];
        for (const line of wanted) assert(seen.includes(line), line);
      }));
  }));

Deno.test("pipDownload: a package that is not there is one sentence with the remedy", () =>
  inFolder(async (folder) => {
    const env = { PIP_NO_INDEX: "1", PIP_FIND_LINKS: folder };
    const error = await assertRejects(
      () => pipDownload("probe==2.0", { to: folder, env }),
      Error,
      "probe==2.0",
    );
    assertStringIncludes(error.message, "PIP_INDEX_URL");
    assertEquals(error.message.split("\n").length, 1);
  }));

Deno.test("pipDownload: without python3 the sentence names what to install", () =>
  inFolder(async (folder) => {
    const python = `${folder}/no-such-python`;
    await assertRejects(
      () => pipDownload("probe==1.0", { to: folder, python }),
      Error,
      "apt install python3",
    );
  }));

Deno.test("explain: no pip, no network and a full disk each name the remedy", () => {
  assertStringIncludes(explain("x==1", "/usr/bin/python3: No module named pip"), "apt install python3-pip");
  assertStringIncludes(
    explain("x==1", "Temporary failure in name resolution\nNo matching distribution"),
    "no network",
  );
  assertStringIncludes(explain("x==1", "OSError: [Errno 28] No space left on device"), "XDG_CACHE_HOME");
});

Deno.test("unpackWheel: writes what the rules name, and nothing else", () =>
  inFolder(async (folder) => {
    const wheel = await makeWheel(folder);
    const rules = { "probe/lib/a.so": "lib/a.so", "probe/include/": "include/" };
    assertEquals(await unpackWheel(wheel, { to: `${folder}/tree`, rules }), 2);
    assertEquals((await Deno.stat(`${folder}/tree/lib/a.so`)).size, 3_000_000);
    assertEquals(await Deno.readTextFile(`${folder}/tree/include/x/y.h`), "int y;");
    assertEquals([...Deno.readDirSync(`${folder}/tree`)].map((entry) => entry.name).sort(), [
      "include",
      "lib",
    ]);
  }));

Deno.test("unpackWheel: refuses a file that RECORD does not describe, one outside the folder, and one that is absent", () =>
  inFolder(async (folder) => {
    const rules = { "probe/include/": "include/" };
    const to = `${folder}/tree`;
    const spoilt = await makeWheel(folder, { spoil: true });
    await assertRejects(() => unpackWheel(spoilt, { to, rules }), Error, "expected the digest in RECORD");
    const escaping = await makeWheel(folder, { escape: true });
    await assertRejects(
      () => unpackWheel(escaping, { to, rules }),
      Error,
      "expected a path inside the folder",
    );
    const plain = await makeWheel(folder);
    const absent = { "probe/lib/b.so": "b.so" };
    await assertRejects(() => unpackWheel(plain, { to, rules: absent }), Error, "expected probe/lib/b.so");
  }));
