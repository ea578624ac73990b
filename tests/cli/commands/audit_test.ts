import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runFederation, withFederation } from "../../testing/fake_federation.ts";
import { run } from "../../testing/program.ts";

Deno.test("audit verify: exit code 0 and what is covered for whole logs, 1 and the line for a changed one, a log alone too", () =>
  withFederation(async (dir) => {
    await runFederation({ dir, rounds: 2, logged: true });
    const verify = (...args: string[]) => run(["audit", "verify", ...args], { cwd: dir });
    const states = ["aggregator", "a", "b", "c"].map((role) => `state-${role}`);
    const whole = await verify(...states, "--ca", "ca/ca.pem");
    assertEquals([whole.code, whole.stderr], [0, ""]);
    assertMatch(
      whole.stdout,
      /^state-a\/events\.jsonl: silo a, run [0-9a-f]{12}: \d+ lines, signed up to line \d+; lines 1 to \d+ are covered by state-aggregator\/events\.jsonl; \d+ lines not covered$/m,
    );
    assertMatch(
      whole.stdout,
      /nothing is wrong as far as lines are covered: the logs are as they were written, and agree\n$/,
    );

    const alone = await verify("state-a");
    assertEquals(alone.code, 0);
    assertStringIncludes(alone.stdout, "one log alone shows changes only by those without its role's key");
    assertStringIncludes(alone.stdout, "who signed is not proven: pass --ca ca.pem");

    const path = `${dir}/state-b/events.jsonl`;
    await Deno.writeTextFile(
      path,
      (await Deno.readTextFile(path)).replace('"type":"connected"', '"type":"connectee"'),
    );
    const changed = await verify(...states, "--json");
    const { ok, faults: [fault] } = JSON.parse(changed.stdout);
    assertEquals([changed.code, ok, fault.path], [1, false, "state-b/events.jsonl"]);
    const [text] = (await verify("state-a/events.jsonl", path)).stdout.match(/^.*line \d+: expected.*$/m)!;
    assertMatch(
      text,
      new RegExp(
        `line ${fault.line}: expected the line of digest .* that line ${fault.line + 1} names, got `,
      ),
    );

    await Deno.remove(path);
    const none = await verify("state-b");
    assertEquals(none.code, 1);
    assertMatch(
      none.stderr,
      /^Cannot verify state-b: expected a role's state folder with its events\.jsonl, /,
    );
  }));
