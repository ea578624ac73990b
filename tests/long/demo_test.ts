import { assert } from "@std/assert";
import { assertShown } from "../testing/pages.ts";
import { run } from "../testing/program.ts";
import { inFolder } from "../testing/folder.ts";

Deno.test("demo: two minutes of README's first command ends with the table and the report", () =>
  inFolder(async (cwd) => {
    const { code, stdout, stderr } = await run(["demo", "--minutes", "2"], { cwd });
    assert(code === 0, stderr);
    assertShown(stdout, "hospital test with a federated 95 % interval alone\nfilms finding AUROC AUROC");
    assertShown(stdout, "Report: fedx-demo/report.html");
    assert((await Deno.readTextFile(`${cwd}/fedx-demo/report.html`)).includes("<svg "));
  }));
