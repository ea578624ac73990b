/** Runs a program of native tests (native/tests/main.cpp) once, and makes a step of each test that it lists. */

/** What starts the program. */
export interface NativeProgram {
  path: string;
  /** Given to the list too. */
  args?: string[];
  env?: Record<string, string>;
}

/** Deno's `t.step`, as far as it is used here. */
type Step = (name: string, body: () => Promise<void>) => Promise<unknown>;

/** Names of the program's tests, in the order in which it runs them. */
async function listOf({ path, args = [] }: NativeProgram): Promise<string[]> {
  const { success, stdout } = await new Deno.Command(path, { args: ["--list", ...args], stderr: "inherit" })
    .output();
  const names = new TextDecoder().decode(stdout).split("\n").filter(Boolean);
  if (!success || names.length === 0) {
    throw new Error(`Cannot list the tests of ${path}: expected names, got none`);
  }
  return names;
}

async function* lines(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string, undefined> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const whole = (rest + text).split("\n");
    rest = whole.pop()!;
    yield* whole;
  }
  if (rest) yield rest;
}

/**
 * Runs the program with golden files from `golden`. A step passes when the program says `ok` and its name; a crash
 * fails the step that was running and those behind it, which were not run. The program may say nothing else.
 */
export async function runNativeTests(program: NativeProgram, golden: string, step: Step): Promise<void> {
  const names = await listOf(program);
  const { path, args = [], env } = program;
  const child = new Deno.Command(path, { args: [golden, ...args], env, stdout: "piped", stderr: "inherit" })
    .spawn();
  const said = lines(child.stdout);
  let ended: string | null = null;
  for (const name of names) {
    await step(name, async () => {
      if (ended !== null) {
        throw new Error(`expected ok ${name}, got none: the program ended with ${ended} before`);
      }
      const { value, done } = await said.next();
      if (done) {
        const { code, signal } = await child.status;
        ended = signal ?? `status ${code}`;
        throw new Error(`expected ok ${name}, got the end of the program with ${ended} while it ran`);
      }
      if (value !== `ok ${name}`) throw new Error(`expected ok ${name}, got ${value}`);
    });
  }
  const { value, done } = await said.next();
  if (!done) throw new Error(`expected nothing behind the last listed test, got ${value}`);
  const { success } = await child.status;
  if (!success) throw new Error("expected the program to end with status 0");
}
