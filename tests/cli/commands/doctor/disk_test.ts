import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { checkDisk, diskNeed, readDisk } from "../../../../src/cli/commands/doctor/disk.ts";
import { checkPort } from "../../../../src/cli/commands/doctor/port.ts";
import { inFolder } from "../../../testing/folder.ts";

Deno.test("diskNeed grows with the aggregator's silos, and a silo needs its own files only", () => {
  const need = (silos: number) => diskNeed("aggregator", { vector: 1e6, silos });
  assertEquals(need(30) - need(3), 2 * 27e6);
  assertEquals(diskNeed("silo", { vector: 1e6, silos: 30 }), diskNeed("silo", { vector: 1e6, silos: 1 }));
});

Deno.test("checkDisk fails on a disk that is too full or cannot be written, and tells a slow one", () => {
  const facts = { dir: ".", free: 2 ** 30, fsync: 3 };
  const options = { state: "st", need: 2 ** 29 };
  assertEquals(checkDisk(facts, options).map((check) => check.ok), [true, true]);
  const [full] = checkDisk({ ...facts, free: 2 ** 20 }, options);
  assertEquals(full.ok, false);
  assertStringIncludes(full.remedy!, "--state");
  const [, slow] = checkDisk({ ...facts, fsync: 3000 }, options);
  assertStringIncludes(slow.remedy!, "faster disk");
  const [denied] = checkDisk(new Deno.errors.PermissionDenied("no"), options);
  assertEquals([denied.name, denied.ok], ["disk", false]);
  assertStringIncludes(denied.remedy!, "--state (now st)");
});

Deno.test("readDisk measures above a state that is not there, makes nothing, and refuses a file in its place", () =>
  inFolder(async (dir) => {
    const facts = await readDisk(`${dir}/not/yet/there`);
    assertEquals(facts.dir, dir);
    assert(facts.free > 0 && facts.fsync > 0);
    assertEquals([...Deno.readDirSync(dir)], []);
    await Deno.writeTextFile(`${dir}/file`, "");
    const error = await readDisk(`${dir}/file/state`).catch((cause) => cause);
    assertEquals(checkDisk(error, { state: "s", need: 1 })[0].ok, false);
  }));

Deno.test("checkPort: free, in use, another machine's address, not this user's", () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const used = checkPort({ host: "127.0.0.1", port });
  listener.close();
  assertEquals(used.ok, false);
  assertStringIncludes(used.remedy!, "--listen");
  assertEquals(checkPort({ host: "127.0.0.1", port: 0 }).ok, true);
  assertEquals(checkPort({ host: "192.0.2.1", port: 0 }).ok, false);
  const denied = checkPort({ host: "127.0.0.1", port: 443 }, () => {
    throw new Deno.errors.PermissionDenied("no");
  });
  assertEquals(denied.ok, false);
  assertStringIncludes(denied.detail, "this user");
});
