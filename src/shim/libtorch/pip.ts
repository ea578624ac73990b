/**
 * Files from Python packages: the one place that fetches anything (libtorch, ImageNet weights).
 *
 * Why pip: it is on every machine that has the compiler too, and its own settings (index, mirror, proxy,
 * certificates) already say where packages come from.
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type PythonOptions, runPython } from "./python.ts";

/** How to fetch. */
export interface PipOptions extends PythonOptions {
  /** Folder that receives the file; must exist. pip's own temporary files lie there too. */
  to: string;
}

/**
 * Downloads one package file (no dependencies, wheels only: nothing of it is run).
 *
 * @param spec exact requirement, such as `torch==2.13.0`
 * @returns path of the wheel in `options.to`
 * @throws Error one sentence with the remedy: no Python, no pip, no network, no space, no such package
 */
export async function pipDownload(spec: string, options: PipOptions): Promise<string> {
  const args = ["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"];
  const flags = ["--progress-bar=off", "--retries=2", "--disable-pip-version-check", "--no-input"];
  const before = new Set(await wheels(options.to));
  const to = resolve(options.to);
  const env = { ...absoluteSettings(), TMPDIR: to, PYTHONUNBUFFERED: "1", ...options.env };
  const run = await runPython([...args, ...flags, "--dest", to, spec], { ...options, env });
  if (run.code !== 0) throw new Error(explain(spec, run.text), { cause: run.text });
  const [wheel] = (await wheels(options.to)).filter((name) => !before.has(name));
  if (wheel === undefined) throw new Error(`Cannot fetch ${spec}: expected pip to leave a wheel, got none`);
  return `${options.to}/${wheel}`;
}

/** Settings of pip, and of the libraries that it fetches with, that name a file. */
const FILE_SETTINGS = [
  "PIP_CONFIG_FILE",
  "PIP_CERT",
  "PIP_CLIENT_CERT",
  "REQUESTS_CA_BUNDLE",
  "CURL_CA_BUNDLE",
  "SSL_CERT_FILE",
  "NETRC",
];
/** OpenSSL's setting that names folders with colons between. */
const FOLDERS_SETTING = "SSL_CERT_DIR";
/** pip's settings that name files, folders and addresses with spaces between. */
const LIST_SETTINGS = ["PIP_FIND_LINKS", "PIP_CONSTRAINT"];

/** Those settings of the environment with relative paths made absolute, since pip runs in another folder. */
function absoluteSettings(): Record<string, string> {
  const isRelative = (word: string) => !/^([a-z+]+:|[/~])/i.test(word);
  // As a URL it holds no space, whatever the folder is called.
  const url = (word: string) => isRelative(word) ? pathToFileURL(resolve(word)).href : word;
  const settings: Record<string, string> = {};
  for (const name of FILE_SETTINGS) {
    const value = Deno.env.get(name);
    if (value) settings[name] = isRelative(value) ? resolve(value) : value;
  }
  const folders = Deno.env.get(FOLDERS_SETTING);
  if (folders) settings[FOLDERS_SETTING] = folders.replaceAll(/[^:]+/g, (folder) => resolve(folder));
  for (const name of LIST_SETTINGS) {
    const value = Deno.env.get(name);
    if (value) settings[name] = value.replaceAll(/\S+/g, url);
  }
  return settings;
}

async function wheels(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(folder)) if (entry.name.endsWith(".whl")) names.push(entry.name);
  return names;
}

/** What went wrong, for a reader who does not know pip. */
export function explain(spec: string, text: string): string {
  const start = `Cannot fetch ${spec}:`;
  if (/No module named '?pip/.test(text)) {
    return `${start} python3 has no pip. Install it (Debian: apt install python3-pip) and run again.`;
  }
  if (/No space left on device|Errno 28/.test(text)) {
    return `${start} the disk is full. Free 2 GB, or set XDG_CACHE_HOME to a folder on another disk.`;
  }
  if (
    /resolution|NewConnection|Max retries|timed out|unreachable|ProxyError|SSLError|Connection/i.test(text)
  ) {
    return `${start} no network. Connect this machine, or name a mirror in pip's settings (PIP_INDEX_URL).`;
  }
  if (/No matching distribution|Could not find a version/.test(text)) {
    return `${start} pip's index has no wheel of it for this Python and machine. ` +
      `Use 64-bit Linux with Python 3.10 to 3.14, or another index (PIP_INDEX_URL).`;
  }
  return `${start} pip failed: ${text.trim().split("\n").at(-1) ?? "no output"}`;
}
