import { assert, assertEquals } from "@std/assert";
import { waitForEvent } from "../../src/cli/output/history.ts";
import { initCa, issue } from "../../src/fed/pki/ca.ts";
import { inFolder } from "../testing/folder.ts";
import { start } from "../testing/program.ts";

Deno.test("processes: a role started under umask 000 keeps its state, events.jsonl too, to its own user", () =>
  inFolder(async (dir) => {
    await initCa(`${dir}/ca`);
    await issue({ name: "hub", role: "aggregator", ca: `${dir}/ca`, out: `${dir}/tls` });
    const args = "aggregate --silos a,b --tls tls --listen 127.0.0.1:0 --size 32 --rounds 1 --init random"
      .split(" ");
    const before = Deno.umask(0);
    const hub = await start(args, { cwd: dir }).finally(() => Deno.umask(before));
    const state = `${dir}/fedx-state/aggregator`;
    try {
      await waitForEvent(`${state}/events.jsonl`, { type: "listening", signal: AbortSignal.timeout(60_000) });
      const mode = async (path: string) => (await Deno.stat(path)).mode! & 0o777;
      assertEquals([await mode(`${dir}/fedx-state`), await mode(state)], [0o700, 0o700]);
      const names = (await Array.fromAsync(Deno.readDir(state))).map(({ name }) => name);
      assert(names.includes("events.jsonl") && names.includes("run.sqlite-wal"), `${names}`);
      for (const { name, isDirectory } of await Array.fromAsync(Deno.readDir(state))) {
        assertEquals([name, await mode(`${state}/${name}`)], [name, isDirectory ? 0o700 : 0o600]);
      }
    } finally {
      hub.child.kill("SIGTERM");
      await hub.finished;
    }
  }));
