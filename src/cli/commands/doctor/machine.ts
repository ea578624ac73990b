// Why: a wheel of libtorch asks for a system of a certain age, and the roles for one Deno; both show before anything is opened.
import { constrainedMemory } from "node:process";
import { exists } from "../../../files/exists.ts";
import { LEAST_FILES, requireOpenFiles } from "../../../fed/aggregator/open_files.ts";
import { TLS_SWITCH } from "../../../fed/wire/tls.ts";
import { PINNED_DENO, RUN_DENO } from "../../../version.ts";
import { cores } from "../../../model/libraries.ts";
import { bad, bytes, type Check, failed, good, open } from "./check.ts";

/** The oldest C library that PyTorch's wheels run on (manylinux_2_28). */
const OLDEST_GLIBC = [2, 28] as const;
/** Where Linux distributions keep the C library. */
const LIBC = [
  "/lib/x86_64-linux-gnu/libc.so.6",
  "/lib64/libc.so.6",
  "/usr/lib/libc.so.6",
  "/lib/aarch64-linux-gnu/libc.so.6",
];

/** What the machine is. */
export interface MachineFacts {
  os: string;
  arch: string;
  kernel: string;
  /** Such as "2.36"; "musl" where there is another C library; null when none was found. */
  glibc: string | null;
  deno: string;
  /** Whether the environment leaves certificate checks on. */
  checkedTls: boolean;
  /** Cores this process may use. */
  cores: number;
  /** Bytes. */
  memory: number;
  /** Bytes that can be had without swapping: of the machine, or of the cgroup where that is less. */
  available: number;
  /** Whether a cgroup's limit is the smaller one. */
  limited: boolean;
}

/** Looks at this machine. */
export async function readMachine(): Promise<MachineFacts> {
  const { total, available } = Deno.systemMemoryInfo();
  const limit = constrainedMemory() || Infinity; // 0 without a cgroup
  return {
    os: Deno.build.os,
    arch: Deno.build.arch,
    kernel: Deno.osRelease(),
    glibc: await readGlibc(),
    deno: Deno.version.deno,
    checkedTls: Deno.env.get(TLS_SWITCH) !== "0",
    cores: cores(),
    memory: total,
    available: Math.min(available, limit),
    limited: limit < available,
  };
}

/** What the machine's facts mean. */
export function checkMachine(facts: MachineFacts): Check[] {
  return [system(facts), runtime(facts), good("cores", `${facts.cores} for this process`), memory(facts)];
}

function system({ os, arch, kernel, glibc }: MachineFacts): Check {
  const detail = `${os} ${kernel}, ${arch}, C library ${glibc ?? "not found"}`;
  const oldest = OLDEST_GLIBC.join(".");
  if (os !== "linux") return bad("system", detail, "use a 64-bit Linux machine");
  if (glibc === null) {
    return open("system", detail, `see that its glibc is ${oldest} or newer: ldd --version`);
  }
  const [major, minor] = glibc.split(".").map(Number);
  const fits = major > OLDEST_GLIBC[0] || (major === OLDEST_GLIBC[0] && minor >= OLDEST_GLIBC[1]);
  return fits
    ? good("system", detail)
    : bad("system", detail, `use a Linux with glibc ${oldest} or newer; libtorch needs it`);
}

function runtime({ deno, checkedTls }: MachineFacts): Check {
  if (!checkedTls) {
    return bad("runtime", `${TLS_SWITCH}=0 turns certificate checks off`, `unset ${TLS_SWITCH}`);
  }
  return deno === PINNED_DENO
    ? good("runtime", `Deno ${deno}`)
    : bad("runtime", `Deno ${deno}, expected ${PINNED_DENO}`, `run \`${RUN_DENO}\``);
}

function memory({ memory, available, limited }: MachineFacts): Check {
  const where = limited ? "the cgroup allows" : "can be had";
  return good("memory", `${bytes(memory)}, of which ${bytes(available)} ${where}`);
}

/** Whether an aggregator may have enough files open; `limit` as `openFiles` finds it. */
export function checkOpenFiles(limit: number | null): Check {
  const name = "open files", enough = `at least ${LEAST_FILES} for this process`;
  if (limit === null) return open(name, "no limit could be found out", `see that it is ${enough}: ulimit -n`);
  try {
    requireOpenFiles(limit);
    return good(name, enough);
  } catch (error) {
    return failed(name, error, "");
  }
}

async function readGlibc(): Promise<string | null> {
  for (const path of LIBC) {
    const file = await Deno.readFile(path).catch(() => null);
    if (file === null) continue;
    const [, version] = /GNU C Library .*? version (\d+\.\d+)/.exec(new TextDecoder("latin1").decode(file)) ??
      [];
    if (version !== undefined) return version;
  }
  return await exists("/lib/ld-musl-x86_64.so.1") ? "musl" : null;
}
