/**
 * Unpacks chosen files of a wheel (a zip whose RECORD lists the SHA-256 of every member).
 *
 * Why Python's zipfile: python3 is there anyway when there is a pip, it reads 500 MB wheels in a stream, and it
 * checks sizes and CRCs.
 */
import { resolve } from "node:path";
import { runPython } from "./python.ts";

/** Which members of a wheel go where: a name, or a prefix that ends in "/". */
export type UnpackRules = Record<string, string>;

/**
 * Unpacks chosen members of a wheel, each checked against the wheel's own RECORD (SHA-256).
 *
 * @param wheel path of the wheel
 * @returns number of files written
 * @throws Error naming the member: absent, outside the folder, or with another digest than RECORD says
 */
export async function unpackWheel(
  wheel: string,
  options: {
    to: string;
    rules: UnpackRules;
    onProgress?: (done: number, total: number) => void;
    python?: string;
  },
): Promise<number> {
  const request = JSON.stringify({ wheel: resolve(wheel), to: resolve(options.to), rules: options.rules });
  let files = 0;
  const onLine = (line: string) => {
    const [word, done, total] = line.split(" ");
    if (word === "progress") options.onProgress?.(Number(done), Number(total));
    if (word === "files") files = Number(done);
  };
  const run = await runPython(["-c", UNPACK, request], { python: options.python, onLine });
  if (run.code === 0) return files;
  const reason = /No space left|Errno 28/.test(run.text)
    ? "the disk is full. Free 2 GB, or set XDG_CACHE_HOME to a folder on another disk"
    : run.text.trim().split("\n").at(-1);
  throw new Error(`Cannot unpack ${wheel.split("/").at(-1)}: ${reason}`, { cause: run.text });
}

const UNPACK = `
import base64, csv, hashlib, io, json, os, sys, time, zipfile
ask = json.loads(sys.argv[1])
archive = zipfile.ZipFile(ask["wheel"])
record = next(n for n in archive.namelist() if n.endswith(".dist-info/RECORD"))
digests = {row[0]: row[1] for row in csv.reader(io.TextIOWrapper(archive.open(record), "utf-8"))}
plan, used = [], set()
for member in archive.infolist():
    name = member.filename
    if member.is_dir():
        continue
    for source, target in ask["rules"].items():
        if name == source or (source.endswith("/") and name.startswith(source)):
            used.add(source)
            plan.append((member, target if name == source else target + name[len(source):]))
for source in ask["rules"]:
    if source not in used:
        sys.exit("expected " + source + " in the wheel, got none")
root = os.path.realpath(ask["to"])
total, done, told = sum(m.file_size for m, _ in plan), 0, time.time()
for member, target in plan:
    path = os.path.realpath(os.path.join(root, target))
    if not path.startswith(root + os.sep):
        sys.exit("expected a path inside the folder, got " + member.filename)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    digest = hashlib.sha256()
    with archive.open(member) as source, open(path, "wb") as out:
        while block := source.read(1 << 20):
            digest.update(block)
            out.write(block)
            done += len(block)
            if time.time() - told > .5:
                told = time.time()
                print("progress", done, total, flush=True)
    got = "sha256=" + base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
    if digests.get(member.filename) != got:
        sys.exit("expected the digest in RECORD for " + member.filename + ", got another. Run again to fetch it anew")
print("files", len(plan), flush=True)
`;
