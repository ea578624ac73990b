/** A file that this user may not read is said to be that, wherever one is opened; it is never called missing. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { PatientIds } from "../../src/data/patient_ids.ts";
import { initCa, issue } from "../../src/fed/pki/ca.ts";
import { revoke } from "../../src/fed/pki/revoke.ts";
import { Site } from "../../src/fed/state/site.ts";
import { layoutOf } from "../../src/model/layout.ts";
import { preprocessingOf, saveModel } from "../../src/model/weights/model_file.ts";
import { inFolder } from "../testing/folder.ts";
import { noPermissions, runForbidden } from "../testing/forbidden.ts";
import { writeShard } from "../testing/write_shard.ts";

const why = noPermissions();
if (why !== null) console.log(`skipped: files that this user may not read (${why})`);

/** What would be the wrong word for such a file, and words of the runtime. */
const WRONG =
  /ca request|fedx ca init|fedx ca issue|made by|fedx init|fresh --state|missing|os error|--allow|got none|got nothing/;

/** The end of the refusal of a file, or of a folder. */
const denied = (path: string, { folder, site }: { folder: boolean; site: boolean }) => {
  const chmod = `chmod u\\+${folder ? "rwx" : "rw"} \\S*/${path}`;
  // A site folder is never to be taken from its user.
  const remedy = site ? "name a folder of this user's own with --site" : chmod;
  return `no permission: \\S*/${path} belongs to \\S+( \\d+)?, mode 0000.*${remedy}`;
};

/** By the path that is closed: a command line, and how its refusal begins. */
const CASES: [closed: string, args: string[], begins: string][] = [
  ["state/run.sqlite", ["aggregate", ...hub("tls"), "--state", "state"], "Cannot use \\S*: "],
  ["tls/ca.pem", ["aggregate", ...hub("tls")], "Cannot read tls/ca.pem: expected a file to read, got "],
  ["tls/key.pem", ["aggregate", ...hub("tls")], "Cannot read tls/key.pem: expected a file to read, got "],
  ["tls/revoked.json", ["aggregate", ...hub("tls")], "Cannot tell which certificates are revoked: .* got "],
  [
    "ca/ca-key.pem",
    ["ca", "issue", "a", "--role", "silo", "--ca", "ca", "--out", "new"],
    "Cannot use \\S*: ",
  ],
  ["ca", ["ca", "init", "--out", "ca/inner"], "Cannot use \\S*: "],
  ["shard/manifest.json", ["local", ...local("shard")], "Cannot open shard shard: .* manifest.json .* got "],
  ["shard/images.u8", ["local", ...local("shard")], "Cannot open shard shard: .* images.u8 .* got "],
  ["shard/labels.u16", ["local", ...local("shard")], "Cannot open shard shard: .* labels.u16 .* got "],
  ["shard", ["local", ...local("shard")], "Cannot open shard shard: .* got "],
  [
    "m.safetensors",
    ["evaluate", "--model", "m.safetensors", "--shard", "shard"],
    "Cannot load model m.s.*got ",
  ],
  ["m.safetensors", ["local", ...local("shard"), "--init", "m.safetensors"], "Cannot read weights.* got "],
  ["labels.csv", ["prepare", ...prepare("new-shard")], "Cannot read labels labels.csv: .* got "],
  ["images", ["prepare", ...prepare("new-shard")], "Cannot use \\S*: "],
  ["full", ["prepare", ...prepare("full/shard")], "Cannot use \\S*: "],
  [
    "site/patients.secret",
    ["prepare", ...prepare("new-shard"), "--site", "site"],
    "Cannot use the secret of patient ids site/patients.secret: .* got ",
  ],
  ["full", ["prepare", ...prepare("new-shard"), "--site", "full/site"], "Cannot use the site folder .* got "],
  ["full", ["peers", "--tls", "tls-a", "--site", "full/site"], "Cannot use the site folder .* got "],
  [
    "site/lock",
    ["peers", "--tls", "tls-a", "--site", "site"],
    "Cannot use the site's memory site/lock: .* got ",
  ],
  ["site/site.sqlite", ["peers", "--tls", "tls-a", "--site", "site"], "Cannot use the site's memory .* got "],
  ["ids.txt", ["forget", "--ids", "ids.txt", "--shard", "shard"], "Cannot read ids ids.txt: .* got "],
  [
    "full",
    ["predict", "--model", "m.safetensors", "--images", "images", "--out", "full/x.csv"],
    "Cannot write .*got ",
  ],
  ["full", ["evaluate", "--model", "m", "--shard", "s", "--plot", "full/x.svg"], "Cannot write .*got "],
  ["full", ["local", ...local("shard", "full/m.safetensors")], "Cannot write full/m.safetensors.*got "],
  ["full", ["aggregate", ...hub("tls"), "--state", "full/state"], "Cannot write into full/state: .* got "],
  ["full", ["train", ...silo(), "--state", "full/state"], "Cannot write into full/state: .* got "],
  ["full", ["demo", "--out", "full/demo"], "Cannot use \\S*: "],
  ["state/run.sqlite", [
    "aggregate",
    "--replay",
    "state",
    "--state",
    "again",
    "--listen",
    "127.0.0.1:0",
    "--tls",
    "tls",
  ], "Cannot use \\S*: "],
  [
    "fedx.toml",
    ["aggregate", "--config", "fedx.toml"],
    "Cannot read fedx.toml: expected a settings file, got ",
  ],
];

function hub(tls: string): string[] {
  return ["--silos", "a", "--rounds", "1", "--init", "random", "--listen", "127.0.0.1:0", "--tls", tls];
}

function silo(): string[] {
  return ["--silo", "a", "--server", "https://127.0.0.1:1", "--tls", "tls", "--shard", "shard"];
}

function local(shard: string, out = "out.safetensors"): string[] {
  return ["--shard", shard, "--epochs", "1", "--out", out];
}

function prepare(out: string): string[] {
  return ["--images", "images", "--labels", "labels.csv", "--size", "32", "--out", out];
}

/** Everything that the cases open, readable. */
async function furnish(dir: string): Promise<void> {
  await initCa(`${dir}/ca`);
  await issue({ name: "hub", role: "aggregator", ca: `${dir}/ca`, out: `${dir}/tls` });
  await issue({ name: "a", role: "silo", ca: `${dir}/ca`, out: `${dir}/tls-a` });
  await revoke({ name: "a", ca: `${dir}/ca`, tls: `${dir}/tls` });
  for (const name of ["images", "full", "state"]) await Deno.mkdir(`${dir}/${name}`, { mode: 0o700 });
  await Deno.writeTextFile(`${dir}/labels.csv`, "Image Index,Finding Labels,Patient ID\na.png,Mass,1\n");
  await Deno.writeTextFile(`${dir}/state/run.sqlite`, "");
  await Deno.writeTextFile(`${dir}/ids.txt`, "1\n");
  await PatientIds.open(`${dir}/site`);
  (await Site.open(`${dir}/site`))[Symbol.dispose]();
  await Deno.writeTextFile(`${dir}/fedx.toml`, "[run]\n");
  const row = { pixels: new Uint8Array(64), label: 0, patient: "p", split: "train", name: "a" } as const;
  await writeShard(`${dir}/shard`, { size: 8, kernel: "lanczos3", salt: "", rows: [row] });
  const layout = layoutOf("efficientnet_b0", { channels: 1 });
  const { network, channels } = layout;
  const metadata = { network, channels, size: 32, preprocessing: preprocessingOf(channels) };
  await saveModel(`${dir}/m.safetensors`, new Float32Array(layout.length), layout, metadata);
}

Deno.test({
  name: "whatever this user may not read or write is said to be that, with whose it is and what to run",
  ignore: why !== null,
  fn: () =>
    inFolder(async (dir) => {
      await furnish(dir);
      const ran = await runForbidden(CASES.map(([closed, args]) => ({ closed, args })), { cwd: dir });
      for (const [index, { code, stdout, stderr }] of ran.entries()) {
        const [closed, args, begins] = CASES[index];
        const last = stderr.trim().split("\n").at(-1)!, text = `${args.join(" ")}: ${stderr}`;
        assert(code === 1 || code === 2, text);
        assertEquals(stdout, "", text);
        const about = { folder: !/\.\w+$/.test(closed), site: args.includes("--site") };
        assertMatch(last, new RegExp(`^${begins}${denied(closed.split("/").at(-1)!, about)}`), text);
        assert(!WRONG.test(last), text);
      }
    }),
});
