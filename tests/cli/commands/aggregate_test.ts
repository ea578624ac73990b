import { assert, assertEquals, assertMatch, assertNotEquals, assertStringIncludes } from "@std/assert";
import { initCa, issue } from "../../../src/fed/pki/ca.ts";
import { layoutOf } from "../../../src/model/layout.ts";
import { preprocessingOf, saveModel } from "../../../src/model/weights/model_file.ts";
import { randomWeights } from "../../../src/model/weights/random.ts";
import { inFolder } from "../../testing/folder.ts";
import { runCommand } from "../../testing/run_command.ts";

Deno.test("aggregate looks at its settings and certificate before it reads or fetches weights", () =>
  inFolder(async (dir) => {
    const start = async (...more: string[]) => {
      const all = ["--silos", "a", "--rounds", "1", "--tls", `${dir}/tls`, "--init", `${dir}/none`];
      return await runCommand("aggregate", ...all, "--state", `${dir}/state`, ...more);
    };
    const quorum = await start("--quorum", "2");
    assertStringIncludes(quorum.stderr, "a --quorum of 1 to 1");
    assertEquals(quorum.code, 2);
    const masked = await start("--masked");
    assertStringIncludes(masked.stderr, "at least 3 --silos in a masked run");
    assertEquals(masked.code, 2);
    assertStringIncludes(
      (await start("--masked", "--unmasked")).stderr,
      "Cannot use --masked with --unmasked",
    );
    assertStringIncludes((await start()).stderr, `Cannot read ${dir}/tls/ca.pem`);
    assertEquals(await Array.fromAsync(Deno.readDir(dir)), []);
  }));

Deno.test("aggregate --init of the state's own last model goes on, though --new or the run's end has changed that file", () =>
  inFolder(async (dir) => {
    await initCa(`${dir}/ca`);
    await issue({ name: "hub", role: "aggregator", ca: `${dir}/ca`, out: `${dir}/tls` });
    const state = `${dir}/state`, last = `${state}/last.safetensors`;
    const layout = layoutOf("efficientnet_b0", { channels: 1 });
    const save = async (seed: number) => {
      const preprocessing = preprocessingOf(1);
      await saveModel(last, randomWeights(layout, seed), layout, {
        network: "efficientnet_b0",
        channels: 1,
        size: 32,
        preprocessing,
      });
    };
    const start = async (...more: string[]) => {
      const run = ["--silos", "a", "--rounds", "1", "--size", "32", "--join-timeout", "0.1s", "--init", last];
      const where = ["--tls", `${dir}/tls`, "--state", state, "--listen", "127.0.0.1:0"];
      return (await runCommand("aggregate", ...run, ...where, ...more)).stderr;
    };
    await Deno.mkdir(state, { mode: 0o700 });
    await save(1);
    assertStringIncludes(await start(), "listening on");
    const moved = await start("--new");
    assertStringIncludes(moved, "the last run's state is now");
    assertStringIncludes(await start(), "going on with run");
    await save(2);
    assertStringIncludes(await start(), "going on with run");
  }));

Deno.test("aggregate without --seed draws one, goes on with it, and draws another for another run; --seed is what it says", () =>
  inFolder(async (dir) => {
    await initCa(`${dir}/ca`);
    await issue({ name: "hub", role: "aggregator", ca: `${dir}/ca`, out: `${dir}/tls` });
    const start = async (...more: string[]) => {
      const run = [
        "--silos",
        "a,b,c",
        "--rounds",
        "1",
        "--size",
        "32",
        "--join-timeout",
        "0.1s",
        "--init",
        "random",
      ];
      const where = ["--tls", `${dir}/tls`, "--state", `${dir}/state`, "--listen", "127.0.0.1:0"];
      const { stderr } = await runCommand("aggregate", ...run, ...where, ...more);
      return { stderr, seed: Number(/^(?:\S+Z )?seed: (\d+)$/m.exec(stderr)?.[1] ?? NaN) };
    };
    const first = await start();
    assert(first.seed >= 0 && first.seed < 2 ** 32, first.stderr);
    assertMatch(first.stderr, /masked: yes, sums of at least 3 silos$/m);
    const again = await start();
    assertStringIncludes(again.stderr, "going on with run");
    assertEquals(again.seed, first.seed);
    const other = String((first.seed + 1) % 2 ** 32);
    assertStringIncludes(
      (await start("--seed", other)).stderr,
      `expected --seed ${first.seed}, got --seed ${other}`,
    );
    assertNotEquals((await start("--new")).seed, first.seed);
    const open = await start("--new", "--seed", "7", "--quorum", "2");
    assertEquals(open.seed, 7);
    assertMatch(
      open.stderr,
      /masked: no, the quorum of 2 is below --min-cohort 3: whoever runs this aggregator sees each hospital's update$/m,
    );
  }));
