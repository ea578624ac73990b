/**
 * Files from Python packages: the one place that fetches anything (libtorch, ImageNet weights).
 *
 * Why pip: it is on every machine that has the compiler too, and its own settings (index, mirror, proxy,
 * certificates) already say where packages come from.
 */

/** How to fetch; `python` and `env` exist for machines with another interpreter, and for tests. */
export interface PipOptions {
  /** Folder that receives the file; must exist. pip's own temporary files lie there too. */
  to: string;
  /** Called with each line that pip prints. */
  onLine?: (line: string) => void;
  /** @default "python3" */
  python?: string;
  /** Added to the environment of pip. @default {} */
  env?: Record<string, string>;
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
  const env = { TMPDIR: options.to, PYTHONUNBUFFERED: "1", ...options.env };
  const run = await runPython([...args, ...flags, "--dest", options.to, spec], { ...options, env });
  if (run.code !== 0) throw new Error(explain(spec, run.text), { cause: run.text });
  const [wheel] = (await wheels(options.to)).filter((name) => !before.has(name));
  if (wheel === undefined) throw new Error(`Cannot fetch ${spec}: expected pip to leave a wheel, got none`);
  return `${options.to}/${wheel}`;
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

/** Runs Python and gathers what it prints on both streams. */
export async function runPython(
  args: string[],
  options: Omit<PipOptions, "to">,
): Promise<{ code: number; text: string }> {
  const python = options.python ?? "python3";
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(python, {
      args,
      env: options.env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    })
      .spawn();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    const remedy = "Install Python 3 with pip (Debian: apt install python3 python3-pip) and run again.";
    throw new Error(`Cannot run ${python}: it was not found. ${remedy}`, { cause });
  }
  const lines: string[] = [];
  const read = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split("\n");
      rest = parts.pop()!;
      for (const line of parts) take(line);
    }
    if (rest !== "") take(rest);
  };
  const take = (line: string) => {
    lines.push(line);
    options.onLine?.(line);
  };
  await Promise.all([read(child.stdout), read(child.stderr)]);
  return { code: (await child.status).code, text: lines.join("\n") };
}
