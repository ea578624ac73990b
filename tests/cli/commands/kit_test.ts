import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { initCa } from "../../../src/fed/pki/ca.ts";
import { COMMANDS } from "../../../src/cli/options/commands.ts";
import { readSection } from "../../../src/cli/options/toml.ts";
import { inFolder } from "../../testing/folder.ts";
import { runCommand } from "../../testing/run_command.ts";

/** A folder with an authority, and `kit make` there. */
async function withKits(
  body: (dir: string, make: (...more: string[]) => ReturnType<typeof runCommand>) => Promise<void>,
) {
  await inFolder(async (dir) => {
    await initCa(`${dir}/ca`);
    const where = [
      "--server",
      "https://hub.example:8443",
      "--ca",
      `${dir}/ca/ca.pem`,
      "--out",
      `${dir}/kits`,
    ];
    await body(dir, (...more) => runCommand("kit", "make", ...where, ...more));
  });
}

/** Unpacks an archive with the system's tar; returns the files' texts. */
async function unpack(dir: string, archive: string): Promise<Map<string, string>> {
  const out = await Deno.makeTempDir({ dir });
  const tar = await new Deno.Command("tar", { args: ["-xzf", archive, "-C", out] }).output();
  assertEquals([tar.code, new TextDecoder().decode(tar.stderr)], [0, ""]);
  const [folder] = [...Deno.readDirSync(out)].map(({ name }) => name);
  const texts = new Map<string, string>();
  for (const name of ["README", "fedx.toml", "fedx.service", "tls/ca.pem"]) {
    texts.set(name, await Deno.readTextFile(`${out}/${folder}/${name}`));
  }
  assertEquals((await Deno.stat(`${out}/${folder}/tls`)).mode! & 0o777, 0o700);
  return texts;
}

Deno.test("kit make writes one archive a hospital, the same bytes each time, and prints the digest to compare", () =>
  withKits(async (dir, make) => {
    const { code, stdout } = await make("a,b", "--json");
    const { kits } = JSON.parse(stdout);
    assertEquals([code, kits.map(({ file }: { file: string }) => file)], [
      0,
      [`${dir}/kits/fedx-a.tar.gz`, `${dir}/kits/fedx-b.tar.gz`],
    ]);
    await Deno.remove(kits[1].file);
    const again = await make("a,b");
    for (const { sha256 } of kits) assertStringIncludes(again.stdout, `sha256: ${sha256}`);
    const other = await make("a", "--max-passes", "5");
    assertEquals(other.code, 1);
    assertMatch(
      other.stderr,
      /^Cannot write .*fedx-a\.tar\.gz: expected none or the same, got another \(remedy: /,
    );
  }));

Deno.test("a kit has settings that are read as they stand, six lines of README and a service, and no key", () =>
  withKits(async (dir, make) => {
    await make(
      "b",
      "--recipes",
      "default,deck",
      "--max-passes",
      "9",
      "--min-train-patients",
      "8",
      "--size",
      "64",
      "--jpeg2000",
      "reduced",
    );
    const files = await unpack(dir, `${dir}/kits/fedx-b.tar.gz`);
    const [readme, text, service, ca] = files.values();
    const { values, accept } = readSection({ file: "/x/fedx.toml", text }, { command: COMMANDS.train });
    assertEquals(values, {
      silo: "b",
      server: new URL("https://hub.example:8443"),
      tls: "/x/tls",
      shard: "/x/shard",
    });
    assertEquals(accept, {
      recipes: [{ name: "default" }, { name: "deck" }],
      networks: ["efficientnet_b0"],
      labelRules: undefined,
      maxRounds: undefined,
      maxPasses: 9,
      minTrainPatients: 8,
      masked: true,
      minCohort: 3,
      rosterChanges: 1,
      trustCa: undefined,
    });
    assertEquals(readme.trim().split("\n").length, 6);
    assertStringIncludes(readme, "--labels labels.csv --size 64 --jpeg2000 reduced --out shard");
    assertStringIncludes(readme, 'read it the digest after "key" by phone');
    for (
      const line of [
        "SuccessExitStatus=130 143",
        "Restart=on-failure",
        "LimitNOFILE=1024",
        "WorkingDirectory=/opt/fedx-b",
        "ExecStart=/opt/fedx-b/fedx train",
      ]
    ) assert(service.split("\n").includes(line), line);
    assertEquals(ca, await Deno.readTextFile(`${dir}/ca/ca.pem`));
    const key = (await Deno.readTextFile(`${dir}/ca/ca-key.pem`)).split("\n")[1];
    for (const text of files.values()) assert(!text.includes("PRIVATE KEY") && !text.includes(key));
  }));

Deno.test("a kit's settings accept masked runs alone, with --unmasked any", () =>
  withKits(async (dir, make) => {
    await make("b", "--unmasked");
    const text = (await unpack(dir, `${dir}/kits/fedx-b.tar.gz`)).get("fedx.toml")!;
    const { accept } = readSection({ file: "/x/fedx.toml", text }, { command: COMMANDS.train });
    assertEquals([accept?.masked, accept?.minCohort, accept?.minTrainPatients], [undefined, undefined, 50]);
  }));

Deno.test("kit make writes nothing for a name, a recipe or a --ca that it cannot use", () =>
  withKits(async (dir, make) => {
    for (
      const [args, text] of [
        [["a,../b"], "Cannot use the name"],
        [["a", "--recipes", "other"], "Cannot read --recipes: expected deck or default, got other"],
        [["a", "--ca", `${dir}/ca`], "Cannot read --ca: expected it once"],
      ] as const
    ) assertStringIncludes((await make(...args)).stderr, text);
    const folder = await runCommand(
      "kit",
      "make",
      "a",
      "--server",
      "https://h:1",
      "--ca",
      `${dir}/ca`,
      "--out",
      `${dir}/kits`,
    );
    assertMatch(
      folder.stderr,
      /^Cannot hand out .*, got a folder \(remedy: name .*\/ca\/ca\.pem; the key beside it stays/,
    );
    assertEquals([...Deno.readDirSync(dir)].map(({ name }) => name), ["ca"]);
  }));

Deno.test("a hospital's name may have 64 characters, as in its certificate", () =>
  withKits(async (dir, make) => {
    const name = "x".repeat(64);
    assertEquals((await make(name)).code, 0);
    assertStringIncludes((await unpack(dir, `${dir}/kits/fedx-${name}.tar.gz`)).get("README")!, name);
  }));
