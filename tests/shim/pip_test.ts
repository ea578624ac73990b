import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { explain, pipDownload } from "../../src/shim/pip.ts";
import { fileDigest, unpackWheel } from "../../src/shim/wheel.ts";
import { inFolder } from "../folder.ts";

/** Makes `probe-1.0-py3-none-any.whl` in a folder; `break` spoils one file after its digest was recorded. */
async function makeWheel(
  folder: string,
  options: { spoil?: boolean; escape?: boolean } = {},
): Promise<string> {
  const code = `
import base64, hashlib, sys, zipfile
folder, spoil, escape = sys.argv[1], sys.argv[2] == "true", sys.argv[3] == "true"
files = {"probe/lib/a.so": b"a" * 3_000_000, "probe/include/x/y.h": b"int y;", "probe/other.py": b"pass",
         "probe-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\\nName: probe\\nVersion: 1.0\\n",
         "probe-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}
if escape: files["probe/include/../../../out.h"] = b"int out;"
digest = lambda b: "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(b).digest()).rstrip(b"=").decode()
record = "".join(f"{name},{digest(data)},{len(data)}\\n" for name, data in files.items())
if spoil: files["probe/include/x/y.h"] = b"int z;"
with zipfile.ZipFile(folder + "/probe-1.0-py3-none-any.whl", "w") as wheel:
    wheel.writestr("probe/include/", b"")
    for name, data in files.items(): wheel.writestr(name, data)
    wheel.writestr("probe-1.0.dist-info/RECORD", record)
`;
  const args = ["-c", code, folder, String(options.spoil ?? false), String(options.escape ?? false)];
  const { success, stderr } = await new Deno.Command("python3", { args }).output();
  assert(success, new TextDecoder().decode(stderr));
  return `${folder}/probe-1.0-py3-none-any.whl`;
}

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
