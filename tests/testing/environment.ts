/** Runs with other environment variables (null removes one), and puts the old ones back. */
export async function withEnv(
  values: Record<string, string | null>,
  work: () => Promise<void> | void,
): Promise<void> {
  const set = (name: string, value: string | null | undefined) =>
    value === null || value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  const before = Object.keys(values).map((name) => [name, Deno.env.get(name)] as const);
  for (const [name, value] of Object.entries(values)) set(name, value);
  try {
    await work();
  } finally {
    for (const [name, value] of before) set(name, value);
  }
}

/** Runs with another working folder, and goes back. */
export async function workingIn(folder: string, work: () => Promise<void>): Promise<void> {
  const before = Deno.cwd();
  Deno.chdir(folder);
  try {
    await work();
  } finally {
    Deno.chdir(before);
  }
}
