import { main } from "../../src/cli/main.ts";

/** What one command line did. */
export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs one command line in this process; what it prints is caught. */
export function runCommand(...args: string[]): Promise<Ran> {
  return runMain(args);
}

/** The same, with what else `main` takes. */
export async function runMain(args: string[], options?: Parameters<typeof main>[1]): Promise<Ran> {
  const streams = { stdout: Deno.stdout, stderr: Deno.stderr };
  const printed = { stdout: "", stderr: "" };
  const real = { stdout: Deno.stdout.writeSync, stderr: Deno.stderr.writeSync };
  for (const name of ["stdout", "stderr"] as const) {
    streams[name].writeSync = (bytes) => {
      printed[name] += new TextDecoder().decode(bytes);
      return bytes.length;
    };
  }
  try {
    const code = await main(args, options);
    return { code, ...printed };
  } finally {
    for (const name of ["stdout", "stderr"] as const) streams[name].writeSync = real[name];
  }
}
