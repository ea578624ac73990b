/** A hospital that has only its archive, and a hub: README's lines, word for word, on real processes. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { waitForEvent } from "../../src/cli/output/history.ts";
import { HOSPITALS } from "../../src/data/phantom/phantom.ts";
import { writePhantoms } from "../../src/data/phantom/files.ts";
import { initCa, issue } from "../../src/fed/pki/ca.ts";
import { generator } from "../../src/cli/commands/demo/hospitals.ts";
import { freePort } from "../testing/free_port.ts";
import { inFolder } from "../testing/folder.ts";
import { placeProgram, start } from "../testing/program.ts";
import { runCommand } from "../testing/run_command.ts";

/** A hub in `dir` with an authority, and hospital b's archive unpacked there, with the program and b's films in it. */
async function unpackKit(dir: string, server: string): Promise<string> {
  await initCa(`${dir}/ca`);
  await issue({ name: "hub", role: "aggregator", ca: `${dir}/ca`, out: `${dir}/tls-hub` });
  const few = ["--size", "32", "--min-train-patients", "8", "--unmasked"];
  const made = await runCommand(
    "kit",
    "make",
    "b",
    "--server",
    server,
    "--ca",
    `${dir}/ca/ca.pem`,
    "--out",
    dir,
    ...few,
  );
  assertEquals(made.code, 0, made.stderr);
  const tar = await new Deno.Command("tar", { args: ["-xzf", "fedx-b.tar.gz"], cwd: dir }).output();
  assert(tar.success);
  const kit = `${dir}/fedx-b`, counts = { train: 32, val: 20, test: 20 };
  await writePhantoms(`${dir}/films-b`, {
    hospital: HOSPITALS.b,
    size: 32,
    ...counts,
    random: generator(7, 1),
  });
  await Deno.symlink("../films-b/images", `${kit}/films`);
  await Deno.symlink("../films-b/labels.csv", `${kit}/labels.csv`);
  await placeProgram(kit);
  return kit;
}

const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Stands in for sudo: notes what it is to run, and keeps what comes in. */
async function fakeSudo(dir: string): Promise<string> {
  await Deno.mkdir(`${dir}/bin`);
  const script = `#!/bin/sh\necho "$@" >> '${dir}/sudo'\n[ "$1" != tee ] || cat > '${dir}/unit'\n`;
  await Deno.writeTextFile(`${dir}/bin/sudo`, script, { mode: 0o755 });
  return `${dir}/bin:${Deno.env.get("PATH")}`;
}

Deno.test("a hospital's archive: unpacked, the lines of its README lead to a finished run; status tells on the way", () =>
  inFolder(async (dir) => {
    const listen = `127.0.0.1:${freePort()}`;
    const kit = await unpackKit(dir, `https://${listen}`);
    const PATH = await fakeSudo(dir);
    const lines = (await Deno.readTextFile(`${kit}/README`)).trim().split("\n");
    const line = async (start: string) => {
      const text = lines.find((one) => one.startsWith(start))!;
      const { code, stdout, stderr } = await new Deno.Command("sh", {
        args: ["-e", "-c", text],
        cwd: kit,
        env: { PATH },
        stdin: "null",
      }).output();
      assertEquals(code, 0, `${text}: ${decode(stdout)}${decode(stderr)}`);
      return decode(stdout);
    };
    const status = async (state: string) => {
      const { code, stdout, stderr } = await runCommand("status", state);
      return [code, stdout + stderr] as const;
    };
    assertMatch(await line("./fedx ca request"), /^key [0-9a-f]{64}$/m);
    const as = ["--name", "b", "--role", "silo", "--ca", `${dir}/ca`];
    assertEquals(
      (await runCommand("ca", "sign", `${kit}/tls/request.pem`, ...as, "--out", `${kit}/tls/cert.pem`)).code,
      0,
    );
    await line("./fedx prepare");
    const hub = await start(
      [
        ...["aggregate", "--silos", "b", "--listen", listen, "--tls", "tls-hub", "--state", "hub"],
        ...["--rounds", "1", "--size", "32", "--init", "random"],
      ],
      { cwd: dir },
    );
    let over = false;
    try {
      await waitForEvent(`${dir}/hub/events.jsonl`, {
        type: "waiting",
        signal: AbortSignal.timeout(60_000),
      });
      const [code, text] = await status(`${dir}/hub`);
      assertEquals(code, 0);
      assertMatch(text, /^aggregator: 0 of 1 joined, waiting for b; \d+ min left\n/);
      assert(lines.some((one) => one.startsWith("./fedx doctor  # "))); // doctor_test.ts runs it, on such a file
      assertStringIncludes(await line("./fedx train"), "model: fedx-state/b/model.safetensors");
      assertEquals((await hub.finished).code, 0);
      over = true;
    } finally {
      if (!over) hub.child.kill("SIGKILL");
      await hub.finished;
    }
    for (const state of [`${dir}/hub`, `${kit}/fedx-state/b`]) {
      const [code, text] = await status(state);
      assertEquals(code, 0);
      assertMatch(text, /finished at \d{4}-/);
    }
    await line("sed ");
    const folder = await Deno.realPath(kit);
    const unit = await Deno.readTextFile(`${dir}/unit`);
    assertMatch(unit, new RegExp(`^WorkingDirectory=${folder}\nExecStart=${folder}/fedx train$`, "m"));
    assertMatch(unit, /^User=(?!fedx$)\S+$/m);
    assertEquals(
      await Deno.readTextFile(`${dir}/sudo`),
      "tee /etc/systemd/system/fedx.service\nsystemctl enable --now fedx\n",
    );
  }));
