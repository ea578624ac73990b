import { assert, assertEquals, assertMatch, assertNotEquals, assertStringIncludes } from "@std/assert";
import { Shard } from "../../src/data/shard.ts";
import { SiloState } from "../../src/fed/silo/state.ts";
import { list, withHospital } from "../testing/small_hospital.ts";
import { assertRefused, program, run, start } from "../testing/program.ts";

/** A hospital whose shard is `out/shard` in its folder, with what the program is called with there. */
function withShard(work: (dir: string, digest: string, command: string[]) => Promise<void>): Promise<void> {
  return withHospital(60, async ({ dir, prepare }) => {
    const { digest } = await prepare();
    await Deno.writeTextFile(`${dir}/ids.txt`, "\uFEFF7\r\n\r\n  20  \n7\n4711-WITHDRAWN\n");
    await work(dir, digest, ["forget", "--ids", "ids.txt", "--shard", "out/shard", "--site", "site"]);
  });
}

/** State of a silo that is in round `rounds` of a run with the shard. */
async function trained(dir: string, shard: string, rounds: number): Promise<void> {
  using state = await SiloState.open(dir, { silo: "b" });
  state.joined = { run: "1d9d2c6bffff4e", proposal: {} as never, late: false, shard };
  state.tally = { rounds, latest: rounds, trained: 0, scored: 0, since: null };
}

Deno.test("forget: says how many went and which run had trained with them; strange ids are counted, never shown", () =>
  withShard(async (dir, digest, command) => {
    await trained(`${dir}/fedx-state/b`, digest, 6);
    const { code, stdout, stderr } = await run(command, { cwd: dir });
    assertEquals(code, 0, stderr);
    const now = (await Shard.open(`${dir}/out/shard`, { verify: true })).manifest.digest;
    assertEquals(stdout.trim().split("\n"), [
      "taken out of out/shard: 4 films of 2 patients; 56 films of 28 patients stay",
      `digest: ${now.slice(0, 12)}…, was ${digest.slice(0, 12)}…`,
      "1 id of nobody in out/shard",
      "run 1d9d2c6bffff of silo b trained with it: rounds 1 to 6 (fedx-state/b)",
      "a run that goes on refuses the shard as it is now: begin another with --new",
      "images and labels file are as they were: `fedx prepare` from them would take these patients again",
    ]);
    assert(!`${stdout}${stderr}`.includes("WITHDRAWN"));
    // Asked again, nothing changes, and the runs are told again.
    const again = JSON.parse((await run([...command, "--json"], { cwd: dir })).stdout);
    assertEquals([again.films, again.unknown, again.digest, again.before], [0, 3, now, [digest]]);
    assertEquals(again.runs.map((one: { rounds: number }) => one.rounds), [6]);
  }));

Deno.test("forget --ids -: reads standard input; no id and no such file are refused before anything is touched", () =>
  withShard(async (dir, digest, [name, , , ...rest]) => {
    const { command, args } = await program();
    const child = new Deno.Command(command, {
      args: [...args, name, "--ids", "-", ...rest, "--json"],
      cwd: dir,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    await ReadableStream.from(["7\n"]).pipeThrough(new TextEncoderStream()).pipeTo(child.stdin);
    const { stdout, stderr } = await child.output();
    const { films, before } = JSON.parse(
      new TextDecoder().decode(stdout) || new TextDecoder().decode(stderr),
    );
    assertEquals([films, before], [2, [digest]]);
    const left = async () => (await Shard.open(`${dir}/out/shard`)).count;
    await Deno.writeTextFile(`${dir}/blank.txt`, " \n\n");
    const refused = async (more: string[], text: RegExp) =>
      assertRefused(await run([name, ...rest, ...more], { cwd: dir }), text);
    await refused(["--ids", "blank.txt"], /from blank\.txt: expected patients' ids, one a line, got none/);
    await refused(["--ids", "none.txt"], /Cannot read ids none\.txt: expected a text file, got none/);
    await refused(["--ids", "ids.txt", "--state", "none"], /Cannot look into the state folder none/);
    assertEquals(await left(), 58);
  }));

Deno.test("forget: a shard that loses a class is for evaluation only, is said to be, and local refuses it", () =>
  withShard(async (dir, _old, command) => {
    await Deno.writeTextFile(`${dir}/ids.txt`, "9\n24\n");
    await Deno.writeTextFile(`${dir}/out/shard.quarantine.csv`, "line,Image Index,reason,detail\n");
    const { code, stdout, stderr } = await run(command, { cwd: dir });
    assertEquals(code, 0, stderr);
    const lacks = "images with and without a finding in val, got 8 images, none with a finding";
    assertStringIncludes(stdout, `\nit is for evaluation only now: expected ${lacks}\n`);
    assertStringIncludes(
      stdout,
      "shard.quarantine.csv names files of rows left out, maybe of these patients too",
    );
    assertStringIncludes(stdout, "there is no fedx-state here: name state folders with --state");
    const local = [
      "local",
      "--shard",
      "out/shard",
      "--init",
      "random",
      "--rounds",
      "1",
      "--out",
      "m.safetensors",
    ];
    const refused = await run(local, { cwd: dir });
    assertRefused(refused, new RegExp(`^Cannot train on out/shard: expected ${lacks} \\(remedy: `));
  }));

Deno.test("forget killed at any moment leaves the old shard or the new one; the same command ends it", async (t) => {
  const whole = await withNew();
  for (const point of ["block", "written", "moved", "placed"]) {
    await t.step(point, () =>
      withShard(async (dir, old, command) => {
        const killed = await (await start(command, { cwd: dir, fault: `kill:${point}:1` })).finished;
        assertEquals(killed.signal, "SIGKILL", killed.stderr);
        const { code, stdout, stderr } = await run([...command, "--json"], { cwd: dir });
        assertEquals(code, 0, stderr);
        const { digest, films, before } = JSON.parse(stdout);
        assertEquals([digest, before], [whole, [old]]);
        assertEquals(films, point === "placed" ? 0 : 4); // taken out by the run that was killed
        assertEquals(await list(`${dir}/out`), ["shard"]);
        assertEquals((await Shard.open(`${dir}/out/shard`, { verify: true })).count, 56);
      }));
  }
  await t.step("moved: prepare, too, puts the old shard back", () =>
    withShard(async (dir, old, command) => {
      await (await start(command, { cwd: dir, fault: "kill:moved:1" })).finished;
      assertEquals(await list(`${dir}/out`), ["shard.partial"]);
      const prepare = ["prepare", "--images", "images", "--labels", "labels.csv", "--out", "out/shard"];
      const { code, stderr } = await run([...prepare, "--site", "site"], { cwd: dir });
      assertEquals(code, 1);
      assertMatch(stderr, /it exists/);
      assertEquals((await Shard.open(`${dir}/out/shard`, { verify: true })).manifest.digest, old);
    }));
});

/** The digest of the shard that an undisturbed run leaves. */
async function withNew(): Promise<string> {
  let digest = "";
  await withShard(async (dir, old, command) => {
    digest = JSON.parse((await run([...command, "--json"], { cwd: dir })).stdout).digest;
    assertNotEquals(digest, old);
  });
  return digest;
}

Deno.test("forget killed from outside at moments of chance: what opens is always whole, the old shard or the new", () =>
  withShard(async (dir, old, command) => {
    const whole = await withNew();
    const found = new Set<string>();
    for (let at = 0; at < 8 && !found.has(whole); at++) {
      const { child, finished } = await start(command, { cwd: dir });
      const timer = setTimeout(() => {
        try {
          child.kill("SIGKILL");
        } catch {
          // It has ended just now.
        }
      }, 120 * 1.6 ** at);
      await finished;
      clearTimeout(timer);
      // Between two names the old one stands beside its place, where the next command takes it from.
      const moved = !(await list(`${dir}/out`)).includes("shard");
      const where = moved ? `${dir}/out/shard.partial/old` : `${dir}/out/shard`;
      const { manifest } = await Shard.open(where, { verify: true });
      found.add(manifest.digest);
    }
    assertEquals([...found].filter((digest) => digest !== old && digest !== whole), []);
  }));

Deno.test("forget with too little room for the second shard says so, and leaves the old one and nothing else", () =>
  withShard(async (dir, old, command) => {
    const { command: file, args } = await program();
    // SIGXFSZ, which would end the process, stays ignored across exec; a block is 512 or 1024 bytes.
    const limited = ["-c", `trap '' XFSZ; ulimit -f 2; exec "$@"`, "sh", file, ...args, ...command];
    const { code, stderr } = await new Deno.Command("sh", { args: limited, cwd: dir, stdin: "null" })
      .output();
    const text = new TextDecoder().decode(stderr);
    assertEquals(code, 1, text);
    assertMatch(text, /^Cannot use [^\n]*shard\.partial: a limit on the size of one file/m);
    assertEquals(await list(`${dir}/out`), ["shard"]);
    assertEquals((await Shard.open(`${dir}/out/shard`, { verify: true })).manifest.digest, old);
  }));
