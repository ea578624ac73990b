import { assertEquals, assertRejects } from "@std/assert";
import { makePrivateFolder } from "../../../src/fed/state/private_folder.ts";
import { StateFolder } from "../../../src/fed/state/folder.ts";
import { inFolder } from "../../testing/folder.ts";
import { freePort } from "../../testing/free_port.ts";
import { runRole, withFederation } from "../../testing/fake_federation.ts";

/** Runs under a umask that takes nothing away. */
async function withOpenUmask(work: () => Promise<void>): Promise<void> {
  const before = Deno.umask(0);
  try {
    await work();
  } finally {
    Deno.umask(before);
  }
}

/** Mode of a folder and of everything below, by path; what vanishes meanwhile is left out. */
function modesUnder(dir: string): Map<string, string> {
  const modes = new Map<string, string>();
  const look = (path: string) => {
    try {
      const info = Deno.lstatSync(path);
      modes.set(path, `${info.isDirectory ? "folder" : "file"} ${(info.mode! & 0o777).toString(8)}`);
      if (info.isDirectory) { for (const { name } of Deno.readDirSync(path)) look(`${path}/${name}`); }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  };
  look(dir);
  return modes;
}

/** Those that others than their owner could open. */
const open = (modes: Map<string, string>) =>
  [...modes].filter(([, mode]) => mode !== "folder 700" && mode !== "file 600");

Deno.test("under umask 000 every folder of both roles' states has mode 0700 and every file 0600, at each event of a run and after it", () =>
  withFederation((dir) =>
    withOpenUmask(async () => {
      const port = freePort();
      const seen = new Set<string>(), wide = new Map<string, string>();
      const look = (state: string) => {
        const modes = modesUnder(`${dir}/${state}`);
        for (const path of modes.keys()) seen.add(path.slice(dir.length + 1));
        for (const [path, mode] of open(modes)) wide.set(path, mode);
      };
      const roles = ["aggregator", "a", "b", "c"];
      await Promise.all(
        roles.map((role) =>
          runRole({ dir, port, role, rounds: 2 }, { onEvent: () => look(`state-${role}`) })
        ),
      );
      for (const role of roles) look(`state-${role}`);
      assertEquals([...wide], []);
      for (const state of ["state-aggregator", "state-a"]) {
        for (const file of ["lock", "run.sqlite", "run.sqlite-wal", "run.sqlite-shm", "model.safetensors"]) {
          assertEquals([file, seen.has(`${state}/${file}`)], [file, true]);
        }
      }
      const kept = [...seen].filter((path) => /^state-aggregator\/(models|staged)\/./.test(path));
      assertEquals(kept.length >= 2, true, `${[...seen]}`);
    })
  ));

Deno.test("a state folder that others may enter is narrowed when it is opened, its files staying as they were", () =>
  inFolder(async (dir) => {
    const state = `${dir}/state`;
    (await StateFolder.open(state, { role: "silo a" }))[Symbol.dispose]();
    await Deno.chmod(state, 0o755);
    (await StateFolder.open(state, { role: "silo a" }))[Symbol.dispose]();
    assertEquals(open(modesUnder(state)), []);
    await Deno.mkdir(`${dir}/empty`, { mode: 0o755 });
    await makePrivateFolder(`${dir}/empty`);
    assertEquals(open(modesUnder(`${dir}/empty`)), []);
  }));

Deno.test("a folder with other things in it that others may enter is refused as a state folder and left alone", () =>
  inFolder(async (dir) => {
    await Deno.mkdir(`${dir}/shared`, { mode: 0o755 });
    await Deno.writeTextFile(`${dir}/shared/notes.txt`, "");
    const refused = async (remedy: string) => {
      const opening = () => StateFolder.open(`${dir}/shared`, { role: "silo a" });
      await assertRejects(opening, Error, "expected mode 0700, got 0755");
      await assertRejects(opening, Error, remedy);
    };
    await refused("choose another --state");
    await refused(`chmod 700 ${dir}/shared`);
    assertEquals([...modesUnder(`${dir}/shared`).keys()], [`${dir}/shared`, `${dir}/shared/notes.txt`]);
    await Deno.chmod(`${dir}/shared`, 0o700);
    (await StateFolder.open(`${dir}/shared`, { role: "silo a" }))[Symbol.dispose]();
  }));
