import { assertEquals } from "@std/assert";
import { denial, obstacleTo } from "../../src/files/obstacle.ts";
import { inFolder } from "../testing/folder.ts";

Deno.test("denial: whose file it is, and what its owner or this user is to run", () => {
  const key = { path: "/t/key.pem", owner: 0, mode: 0o100600, isFolder: false };
  assertEquals(denial(key), {
    got: "no permission: /t/key.pem belongs to root, mode 0600",
    remedy: `run fedx as root, or give it to this user: sudo chown "$(id -u)" /t/key.pem`,
  });
  assertEquals(denial({ ...key, path: "/t", owner: 1000, mode: 0o40500, isFolder: true }), {
    got: "no permission: /t belongs to user 1000, mode 0500",
    remedy: "as user 1000 run: chmod u+rwx /t",
  });
  const unseen = { path: "/t/key.pem", owner: null, mode: null, isFolder: false };
  assertEquals(denial(unseen).got, "no permission for /t/key.pem");
});

Deno.test("obstacleTo: a missing file is no obstacle, another user's is one, and the runtime's hint stays away", () =>
  inFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/file`, "", { mode: 0o640 });
    const refused = new Deno.errors.PermissionDenied("Permission denied (os error 13)");
    const { got } = obstacleTo(`${dir}/file`, refused)!;
    assertEquals(got.replace(/belongs to .*, /, ""), `no permission: ${dir}/file mode 0640`);
    // What is not there yet: the folder above it is in the way.
    assertEquals(obstacleTo(`${dir}/no/file`, refused)!.got.split(" belongs")[0], `no permission: ${dir}`);
    assertEquals(obstacleTo(null, refused)!.got, "no permission");
    assertEquals(obstacleTo(dir, new Deno.errors.NotFound("x")), null);
    assertEquals(obstacleTo(dir, new Error("x")), null);
    const hint = 'Requires all access to "/proc/self/mem", run again with the --allow-all flag';
    const { got: place, remedy } = obstacleTo("/proc/self/mem", new Deno.errors.NotCapable(hint))!;
    assertEquals([place, remedy], [
      "a place in /dev, /proc or /sys that fedx does not open",
      "name a file elsewhere",
    ]);
    const full = Object.assign(new Error("No space left on device (os error 28)"), { code: "ENOSPC" });
    assertEquals(obstacleTo(dir, full)!.got, "a full disk");
    // As Deno tells that a disk has no locks, network disks for one: without a code.
    assertEquals(obstacleTo(dir, new Error("No locks available (os error 37)"))!.got, "a disk without locks");
  }));
