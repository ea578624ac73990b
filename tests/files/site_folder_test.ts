import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { defaultSite, obstacleToSite, openSite } from "../../src/files/site_folder.ts";
import { withEnv } from "../testing/environment.ts";
import { inFolder } from "../testing/folder.ts";

Deno.test("defaultSite: below XDG_DATA_HOME, else below the user's home, else --site is asked for", async () => {
  const at = (xdg: string | null, home: string | null, test: () => void) =>
    withEnv({ XDG_DATA_HOME: xdg, HOME: home }, test);
  await at("/data", "/hospital", () => assertEquals(defaultSite(), "/data/fedx"));
  await at("", "/hospital", () => assertEquals(defaultSite(), "/hospital/.local/share/fedx"));
  await at(
    null,
    null,
    () => void assertThrows(defaultSite, Error, "got neither (remedy: name it with --site"),
  );
});

Deno.test("openSite: makes the folder for its user alone; one that others may enter, and a file, are refused", () =>
  inFolder(async (dir) => {
    await openSite(`${dir}/a/site`);
    await openSite(`${dir}/a/site`);
    assertEquals((await Deno.stat(`${dir}/a/site`)).mode! & 0o777, 0o700);
    await Deno.chmod(`${dir}/a/site`, 0o750);
    await assertRejects(
      () => openSite(`${dir}/a/site`),
      Error,
      `expected mode 0700, got 0750, so that others may look into it (remedy: name another with --site, or, if`,
    );
    await Deno.writeTextFile(`${dir}/file`, "");
    await assertRejects(
      () => openSite(`${dir}/file`),
      Error,
      "a folder that fedx may write to, got something there already (remedy: name another folder with --site)",
    );
  }));

Deno.test("obstacleToSite: another user's folder is to be taken by nobody, a full disk has its own remedy", () => {
  const refused = new Deno.errors.PermissionDenied("Permission denied (os error 13)");
  assertEquals(
    obstacleToSite("/", refused)!.remedy,
    "name a folder of this user's own with --site, or run fedx as the user whose it is",
  );
  const full = Object.assign(new Error("No space left on device (os error 28)"), { code: "ENOSPC" });
  assertEquals(obstacleToSite("/", full)!.remedy, "free some space and run the same command again");
  assertEquals(obstacleToSite("/", new Deno.errors.NotFound("x")), null);
});
