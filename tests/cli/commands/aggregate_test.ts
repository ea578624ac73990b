import { assertRejects } from "@std/assert";
import { run as aggregate } from "../../../src/cli/commands/aggregate.ts";
import { settle } from "../../../src/cli/options/settings.ts";
import { inFolder } from "../../testing/folder.ts";

Deno.test("aggregate looks at its settings and certificate before it reads or fetches weights", () =>
  inFolder(async (dir) => {
    const start = async (given: Record<string, unknown>) => {
      const all = { silos: ["a"], rounds: 1, tls: `${dir}/tls`, init: `${dir}/none`, ...given };
      const { values } = await settle("aggregate", all);
      await aggregate({ values } as never);
    };
    await assertRejects(() => start({ quorum: 2 }), Error, "a --quorum of 1 to 1");
    await assertRejects(() => start({}), Error, `Cannot read ${dir}/tls/ca.pem`);
  }));
