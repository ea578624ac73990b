/** native/launcher with a payload of small files: its “runtime” is a shell script that shows what it was given. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { buildLauncher } from "../tools/compile.ts";
import { pack, unpackTable } from "../tools/pack.ts";
import { findLibtorch } from "../src/shim/libtorch/find.ts";
import { withEnv, workingIn } from "./testing/environment.ts";
import { inFolder } from "./testing/folder.ts";
import { makeUserPython, makeVenv } from "./testing/python.ts";
import { fakeLibtorch } from "./testing/fake_libtorch.ts";

const ROLES = {
  plain: ["--allow-read"],
  engine: ["--allow-run={self},python3", "--allow-ffi={app}{libtorch}"],
  "-": ["--other"],
};
const RUNTIME = `#!/bin/sh
[ "$FEDX_EXIT" ] && exit "$FEDX_EXIT"
echo "$0"; echo "$$"; echo "$FEDX_EXE|$FEDX_BUILD|$DENO_DIR|$DENO_NO_UPDATE_CHECK|$LD_LIBRARY_PATH"
for word in "$@"; do echo "$word"; done
`;
/** Lengths round the borders of SHA-256's 64-byte blocks and of the launcher's buffer. */
const LENGTHS = [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1 << 20, (1 << 20) + 57];

let built: Promise<Uint8Array> | undefined;

/** The file `fedx` in `folder`, and its build id. */
async function packIn(folder: string): Promise<{ file: string; build: string }> {
  built ??= buildLauncher(`${folder}/launcher`);
  await Deno.writeTextFile(`${folder}/runtime`, RUNTIME);
  await Deno.writeTextFile(`${folder}/shim`, "a shared library");
  const parts = [
    { path: "fedx-runtime", mode: 0o755, source: `${folder}/runtime` },
    { path: "native/build/libfedx-cpu.so", mode: 0o644, source: `${folder}/shim` },
  ];
  for (const length of LENGTHS) {
    const source = `${folder}/${length}`;
    await Deno.writeFile(source, new Uint8Array(length).map((_, i) => i * 7));
    parts.push({ path: `deep/er/${length}.bin`, mode: 0o644, source });
  }
  const file = `${folder}/fedx`;
  const { build } = await pack({ out: file, launcher: await built, parts, torch: "2.13.0", roles: ROLES });
  return { file, build };
}

interface Started {
  code: number;
  lines: string[];
  stderr: string;
}

async function start(
  file: string,
  args: string[],
  env: Record<string, string>,
  cwd?: string,
): Promise<Started> {
  const command = new Deno.Command(file, {
    args,
    env: { PATH: "/usr/bin:/bin", ...env },
    clearEnv: true,
    cwd,
  });
  const { code, stdout, stderr } = await command.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, lines: text(stdout).trim().split("\n"), stderr: text(stderr).trim() };
}

async function names(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();
}

Deno.test("launcher: parts of every length arrive whole, and the runtime gets arguments, permissions and names", () =>
  inFolder(async (folder) => {
    const { file, build } = await packIn(folder);
    const app = `${folder}/cache/fedx/app/${build}`;
    const { lines } = await start(file, ["plain", "two words", ""], { XDG_CACHE_HOME: `${folder}/cache` });
    for (const length of LENGTHS) {
      const [was, is] = [`${folder}/${length}`, `${app}/deep/er/${length}.bin`];
      assertEquals(await Deno.readFile(is), await Deno.readFile(was), String(length));
    }
    assertEquals(lines[0], `${app}/fedx-runtime`);
    assertEquals(lines[2], `${file}|${build}|${app}/cache|1|`);
    const [program, ...given] = lines.slice(lines.indexOf("--allow-read") + 1);
    assertEquals([program, ...given], [`${app}/src/cli/main.js`, "plain", "two words"]);
    assert(lines.includes("--no-prompt") && lines.includes("--no-remote") && lines.includes("--no-npm"));
    assert((await start(file, ["--help"], { XDG_CACHE_HOME: `${folder}/cache` })).lines.includes("--other"));
  }));

Deno.test("launcher: it becomes the runtime: process id, exit status and the linker's path are the runtime's", () =>
  inFolder(async (folder) => {
    const { file } = await packIn(folder);
    const env = { XDG_CACHE_HOME: `${folder}/cache`, PATH: "/usr/bin:/bin" };
    const child = new Deno.Command(file, { env, clearEnv: true, stdout: "piped" }).spawn();
    const { stdout } = await child.output();
    assertEquals(new TextDecoder().decode(stdout).split("\n")[1], String(child.pid));
    assertEquals((await start(file, [], { ...env, FEDX_EXIT: "7" })).code, 7);
    for (const [own, path] of [["", "/driver"], ["/own", "/own"]]) {
      const { lines } = await start(file, [], { ...env, FEDX_LIBRARY_PATH: "/driver", LD_LIBRARY_PATH: own });
      assertEquals(lines[2].split("|").at(-1), path);
    }
  }));

Deno.test("launcher: a role that uses the engine may open libtorch where it is looked for, others nothing", () =>
  inFolder(async (folder) => {
    const { file, build } = await packIn(folder);
    const env = { XDG_CACHE_HOME: `${folder}/cache` };
    const app = `${folder}/cache/fedx/app/${build}`;
    const ffi = async (more: Record<string, string>) =>
      (await start(file, ["engine"], { ...env, ...more })).lines.find((line) =>
        line.startsWith("--allow-ffi")
      );
    const cached = `${folder}/cache/fedx/libtorch`;
    const named = "/opt/a,b/torch";
    const escaped = named.replace(",", ",,");
    assertEquals(await ffi({ FEDX_LIBTORCH: named }), `--allow-ffi=${app},${escaped},${escaped}/../nvidia`);
    await Deno.mkdir(`${folder}/bin`);
    await Deno.writeTextFile(`${folder}/bin/python3`, "#!/bin/sh\necho /site/torch\n", { mode: 0o755 });
    const python = { PATH: `${folder}/bin:/usr/bin:/bin` };
    assertEquals(await ffi(python), `--allow-ffi=${app},${cached},/site/torch,/site/torch/../nvidia`);
    await Deno.writeTextFile(`${folder}/bin/python3`, "#!/bin/sh\nexit 1\n");
    assertEquals(await ffi(python), `--allow-ffi=${app},${cached}`);
    await Deno.mkdir(`${cached}/2.13.0/lib`, { recursive: true });
    await Deno.writeTextFile(`${cached}/2.13.0/lib/libtorch_cpu.so`, "");
    await Deno.writeTextFile(`${folder}/bin/python3`, `#!/bin/sh\necho >${folder}/asked\n`);
    assertEquals(await ffi(python), `--allow-ffi=${app},${cached}`);
    assertEquals((await names(folder)).includes("asked"), false);
    const { lines } = await start(file, ["engine"], env);
    assert(lines.includes(`--allow-run=${file},python3`));
  }));

Deno.test("launcher: the torch of a venv or of `pip install --user` is python3's, one on PYTHONPATH alone is not", () =>
  inFolder(async (folder) => {
    const { file, build } = await packIn(folder);
    const ffi = async (path: string, more: Record<string, string> = {}) => {
      const env = { XDG_CACHE_HOME: `${folder}/cache`, PATH: `${path}:/usr/bin:/bin`, ...more };
      const { lines } = await start(file, ["engine"], env, folder);
      const own = `--allow-ffi=${folder}/cache/fedx/app/${build},${folder}/cache/fedx/libtorch`;
      return lines.find((line) => line.startsWith("--allow-ffi"))!.replace(own, "");
    };
    const { site } = await makeVenv(`${folder}/venv`);
    assertEquals(await ffi("venv/bin"), "");
    const torch = await fakeLibtorch(`${site}/torch`, "2.13.0", { headers: false });
    for (const path of ["venv/bin", "./venv/bin", `${folder}/venv/bin`]) {
      assertEquals(await ffi(path), `,${torch},${torch}/../nvidia`);
    }
    const user = await makeUserPython(`${folder}/bin`, `${folder}/user`);
    const variables = { PYTHONUSERBASE: `${folder}/user`, PYTHONPATH: `${folder}/modules` };
    await fakeLibtorch(`${folder}/modules/torch`, "2.13.0", { headers: false });
    assertEquals((await ffi("bin", variables)).includes(folder), false);
    const own = await fakeLibtorch(`${user.site}/torch`, "2.13.0", { headers: false });
    assertEquals(await ffi("bin", variables), `,${own},${own}/../nvidia`);
  }));

Deno.test("launcher: it asks python3 what src/shim asks, in an empty folder of mode 0700, and leaves nothing of it", () =>
  inFolder(async (folder) => {
    const { file } = await packIn(folder);
    await Deno.mkdir(`${folder}/bin`);
    await Deno.mkdir(`${folder}/tmp`);
    const script =
      `#!/bin/sh\nprintf '%s\\n' "$PATH" "$(ls -A | wc -l)" "$(stat -c %a .)" "$@" >${folder}/asked\n` +
      `pwd >${folder}/where\n`;
    await Deno.writeTextFile(`${folder}/bin/python3`, script, { mode: 0o755 });
    const env = { XDG_CACHE_HOME: `${folder}/cache`, TMPDIR: `${folder}/tmp`, PATH: "bin:/usr/bin:/bin" };
    const heard = async () => {
      assertMatch(
        await Deno.readTextFile(`${folder}/where`),
        new RegExp(`^${folder}/tmp/fedx-python-\\w+\n$`),
      );
      assertEquals(await names(`${folder}/tmp`), []);
      return (await Deno.readTextFile(`${folder}/asked`)).split("\n");
    };
    await start(file, ["engine"], env, folder);
    const [path, entries, mode, ...question] = await heard();
    assertEquals([path, entries, mode], [`${folder}/bin:/usr/bin:/bin`, "0", "700"]);
    assertEquals([question[0], question.length], ["-c", 3]);
    await workingIn(folder, () =>
      withEnv({ ...env, FEDX_LIBTORCH: null }, async () => {
        await findLibtorch();
        assertEquals(await heard(), [path, entries, mode, ...question]);
      }));
  }));

Deno.test("launcher: six first starts at once all run, and leave one folder", () =>
  inFolder(async (folder) => {
    const { file, build } = await packIn(folder);
    const env = { XDG_CACHE_HOME: `${folder}/cache` };
    const started = await Promise.all(Array.from({ length: 6 }, () => start(file, ["plain"], env)));
    assertEquals(started.map(({ code, stderr }) => [code, stderr]), started.map(() => [0, ""]));
    assertEquals(await names(`${folder}/cache/fedx/app`), [".lock", build]);
  }));

Deno.test("launcher: a truncated or altered file is refused in one sentence and leaves nothing", () =>
  inFolder(async (folder) => {
    const { file } = await packIn(folder);
    const whole = await Deno.readFile(file);
    const image = (await unpackTable(file)).launcher.length;
    const refused = async (bytes: Uint8Array, expected: RegExp) => {
      await Deno.writeFile(`${folder}/bad`, bytes, { mode: 0o755 });
      const { code, stderr } = await start(`${folder}/bad`, ["plain"], { XDG_CACHE_HOME: `${folder}/cache` });
      assertEquals(code, 1);
      assertMatch(stderr, expected);
      assertMatch(stderr, /^Cannot start [^\n]+copy (it|the file) again\.$/);
      assertEquals((await names(folder)).includes("cache"), false);
    };
    const short = new RegExp(`expected a file of ${whole.length} bytes, got \\d+: it was cut short`);
    for (const length of [image + 56, image + 300, whole.length >> 1, whole.length - 1]) {
      await refused(whole.subarray(0, length), short);
    }
    for (const length of [image, image + 55]) await refused(whole.subarray(0, length), /cut short/);
    await refused(whole.with(image + 70, 0), /table of parts with SHA-256 [0-9a-f]{64}, got [0-9a-f]{64}/);
    await refused(whole.with(image, 0), /expected fedx's parts behind byte/);
  }));

Deno.test("launcher: a part with another digest is refused, and what was unpacked is removed", () =>
  inFolder(async (folder) => {
    const { file } = await packIn(folder);
    const whole = await Deno.readFile(file);
    await Deno.writeFile(file, whole.with(whole.length - 1, whole[whole.length - 1] ^ 1));
    const { code, stderr } = await start(file, ["plain"], { XDG_CACHE_HOME: `${folder}/cache` });
    assertEquals(code, 1);
    assertMatch(
      stderr,
      /^Cannot start .*: expected its part deep\/er\/1048633.bin with SHA-256 .*copy the file again\.$/,
    );
    assertEquals(await names(`${folder}/cache/fedx/app`), [".lock"]);
  }));

Deno.test("launcher: another shim than the packed one is refused before a role could open it", () =>
  inFolder(async (folder) => {
    const { file, build } = await packIn(folder);
    const env = { XDG_CACHE_HOME: `${folder}/cache` };
    const shim = `${folder}/cache/fedx/app/${build}/native/build/libfedx-cpu.so`;
    assertEquals((await start(file, ["engine"], env)).code, 0);
    await Deno.writeTextFile(shim, "a Shared library");
    const { code, stderr } = await start(file, ["engine"], env);
    assertEquals(code, 1);
    assertMatch(
      stderr,
      /^Cannot open .*libfedx-cpu\.so: expected SHA-256 \w{64}, got \w{64}; remove .* and start again\.$/,
    );
    assertEquals((await start(file, ["plain"], env)).code, 0);
  }));

Deno.test("launcher: what a cleaner took or a killed start left half is put right at the next start", () =>
  inFolder(async (folder) => {
    const { file, build } = await packIn(folder);
    const base = `${folder}/cache/fedx/app`;
    const env = { XDG_CACHE_HOME: `${folder}/cache` };
    await start(file, ["plain"], env);
    await Deno.remove(`${base}/${build}/deep/er/64.bin`);
    await Deno.mkdir(`${base}/${build}.1.partial/deep`, { recursive: true });
    assertEquals((await start(file, ["plain"], env)).code, 0);
    assertEquals((await Deno.stat(`${base}/${build}/deep/er/64.bin`)).size, 64);
    assertEquals(await names(base), [".lock", build]);
  }));

Deno.test("launcher: without HOME it unpacks into TMPDIR, and not into a folder that others can write", () =>
  inFolder(async (folder) => {
    const { file, build } = await packIn(folder);
    const place = `${folder}/fedx-${Deno.uid()}`;
    assertEquals(
      (await start(file, ["plain"], { TMPDIR: folder })).lines[0],
      `${place}/${build}/fedx-runtime`,
    );
    await Deno.chmod(place, 0o777);
    const { code, stderr } = await start(file, ["plain"], { TMPDIR: folder });
    assertEquals(code, 1);
    assertStringIncludes(stderr, "others may write into it");
    assertMatch(stderr, /^Cannot unpack fedx: [^\n]*set XDG_CACHE_HOME to a folder of yours/);
  }));

const unshares = await new Deno.Command("unshare", { args: ["-rm", "true"], stderr: "null" }).output()
  .then(({ success }) => success, () => false);

Deno.test("launcher: where cache and temporary folder are mounted noexec it says so with the remedy", {
  ignore: !unshares,
}, () =>
  inFolder(async (folder) => {
    const { file } = await packIn(folder);
    const script = `mkdir ${folder}/m && mount -t tmpfs -o noexec tmpfs ${folder}/m && exec ${file} plain`;
    const env = { XDG_CACHE_HOME: `${folder}/m/cache`, TMPDIR: `${folder}/m` };
    const { code, stderr } = await start("/usr/bin/env", ["unshare", "-rm", "sh", "-c", script], env);
    assertEquals(code, 1);
    assertMatch(
      stderr,
      /^Cannot unpack fedx: expected a folder that may hold programs, got [^\n]*mounted noexec/,
    );
  }));

Deno.test("launcher: a working folder that is gone is told in one sentence", () =>
  inFolder(async (folder) => {
    const { file } = await packIn(folder);
    const script = `mkdir ${folder}/gone && cd ${folder}/gone && rmdir ${folder}/gone && exec ${file} plain`;
    const { code, stderr } = await start("/bin/sh", ["-c", script], { XDG_CACHE_HOME: `${folder}/cache` });
    assertEquals(code, 1);
    assertMatch(
      stderr,
      /^Cannot start fedx: expected a folder to work in, got [^\n]*; change to another one \(cd\)\.$/,
    );
  }));
