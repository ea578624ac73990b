import { assert } from "@std/assert";

/** Makes `probe-1.0-py3-none-any.whl` in a folder; `spoil` changes one file after its digest was recorded. */
export async function makeWheel(
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
