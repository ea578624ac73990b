/** The python to compare with: FEDX_PYTHON, else python3; null, with a printed reason, where it lacks one of these. */
export async function pythonWith(packages: readonly string[]): Promise<string | null> {
  const python = Deno.env.get("FEDX_PYTHON") ?? "python3";
  const [stdout, stderr] = ["null", "null"] as const;
  const command = new Deno.Command(python, { args: ["-c", `import ${packages.join(", ")}`], stdout, stderr });
  if (await command.output().then(({ success }) => success, () => false)) return python;
  console.log(
    `not compared: ${python} has no ${packages.join(" and ")}; name a python that has it in FEDX_PYTHON`,
  );
  return null;
}

/** The same for the package that golden values of networks come from. */
export const pythonWithTorchvision = () => pythonWith(["torchvision"]);

async function ask(python: string, args: string[], env: Record<string, string> = {}): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(python, { args, env }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  if (!success) throw new Error(`Cannot ask ${python} ${args.join(" ")}: ${text(stderr)}`);
  return text(stdout);
}

/** A new virtual environment in `folder`: where its python3 lies, and where its packages would. */
export async function makeVenv(folder: string): Promise<{ bin: string; site: string }> {
  await ask("python3", ["-m", "venv", "--without-pip", folder]);
  const print = "import site; print(site.getsitepackages()[0])";
  return { bin: `${folder}/bin`, site: await ask(`${folder}/bin/python3`, ["-c", print]) };
}

/**
 * A python3 outside of any virtual environment, as a script in `folder`, and where `pip install --user` would put its
 * packages below `user` (PYTHONUSERBASE).
 */
export async function makeUserPython(folder: string, user: string): Promise<{ bin: string; site: string }> {
  const base = await ask("python3", ["-c", "import sys; print(sys._base_executable)"]);
  await Deno.mkdir(folder);
  await Deno.writeTextFile(`${folder}/python3`, `#!/bin/sh\nexec ${base} "$@"\n`, { mode: 0o755 });
  const print = "import site; print(site.getusersitepackages())";
  return { bin: folder, site: await ask(`${folder}/python3`, ["-c", print], { PYTHONUSERBASE: user }) };
}
