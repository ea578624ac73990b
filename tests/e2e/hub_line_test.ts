/** What a hub shows while it waits: on a terminal at two widths, and where its lines go to a file. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ProtocolError } from "../../src/fed/protocol/errors.ts";
import { runRole, withFederation } from "../testing/fake_federation.ts";
import { freePort } from "../testing/free_port.ts";
import { start } from "../testing/program.ts";
import { OnTerminal } from "../testing/terminal.ts";
import { waitForEvent } from "../../src/cli/output/history.ts";

const hubOf = (port: number, state: string) => [
  ...["aggregate", "--silos", "a,b,c", "--rounds", "1", "--size", "64", "--init", "random"],
  ...["--tls", "tls-aggregator", "--listen", `127.0.0.1:${port}`, "--state", state],
];

/** A silo whose films were prepared in 32 px comes and declines. */
async function decline(dir: string, port: number, role: string): Promise<void> {
  const silo = runRole({ dir, port, role, suffix: crypto.randomUUID() });
  assertEquals((await assertRejects(() => silo, ProtocolError)).code, "other_size");
}

Deno.test("aggregate on a terminal says who is missing, why and how long it waits, ticking, at 80 and 120 columns", () =>
  withFederation(async (dir) => {
    for (const columns of [80, 120]) {
      const port = freePort();
      const env = { NO_COLOR: "1" };
      const hub = await OnTerminal.start(hubOf(port, `state-${columns}`), { cwd: dir, columns, env });
      await hub.when(/listening on/);
      await hub.when(/^0 of 3 joined, waiting for a, b, c; 60 min left$/);
      await decline(dir, port, "b");
      await hub.when(/^b declined: its films were prepared in another size$/);
      await decline(dir, port, "c");
      await hub.when(/^warning: too few can join as things stand: the run needs all 3, and b/);
      await hub.type("\x03");
      const { lines, raw } = await hub.finished;
      const text = lines.join(" ").replaceAll(/ +/g, " ");
      assertMatch(text, /and b, c stay away\. It waits for them to correct .* start it again with --new/);
      assert(lines.every((line) => line.length <= columns), lines.join("\n"));
      // The line that was drawn again in place has left nothing behind.
      assertEquals(lines.filter((line) => line.includes("of 3 joined")), []);
      const colours = raw.split("\x1b[").filter((text) => /^[0-9;]*m/.test(text));
      assertEquals(colours, []);
      assertMatch(
        raw.replaceAll(/\s+/g, " "),
        /0 of 3 joined, waiting for a, b \(declined: its films were prepared in another size\), c \(declined: /,
      );
    }
  }));

Deno.test("aggregate whose lines go to a file says it once and at changes, and does not tick", () =>
  withFederation(async (dir) => {
    const port = freePort();
    const hub = await start(hubOf(port, "state"), { cwd: dir });
    const events = `${dir}/state/events.jsonl`;
    const signal = AbortSignal.timeout(60_000);
    await waitForEvent(events, { type: "waiting", signal });
    for (let k = 0; k < 2; k++) await decline(dir, port, "b");
    await waitForEvent(events, { type: "session", signal, where: ({ open }) => !open });
    await new Promise((resolve) => setTimeout(resolve, 1500));
    hub.child.kill("SIGTERM");
    const { stderr } = await hub.finished;
    const said = stderr.split("\n").map((line) => line.replace(/^\d{4}-\S+Z /, ""))
      .filter((line) => /joined|declined|too few/.test(line));
    assertEquals(said.slice(0, 3), [
      "0 of 3 joined, waiting for a, b, c; 60 min left",
      "b declined: its films were prepared in another size",
      "warning: too few can join as things stand: the run needs all 3, and b stays away. It waits for them to correct " +
      "what is named and to start `fedx train` again; for other settings stop this (Ctrl-C) and start it again with --new",
    ]);
    assertMatch(
      said[3],
      /^0 of 3 joined, waiting for a, b \(declined: its films were prepared in another size\), c; (59|60) min left$/,
    );
    assertEquals(said.length, 4);
  }));
