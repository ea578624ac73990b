import { assertEquals } from "@std/assert";
import { pages, ROOT } from "../testing/pages.ts";

const checkout = await Deno.stat(`${ROOT}.git`).then(() => true, () => false);

/** What no command says with `--out`, `--plot` or `--state`. */
const OTHERS = ["films-a", "fedx-radiographs", "fedx-methods", "shard-a.partial", "m.safetensors"];

Deno.test(".gitignore: what the pages' commands write into the clone, keys above all, is never added", {
  ignore: !checkout,
}, async () => {
  const text = (await pages()).map((page) => page.text).join("");
  const made = [...text.matchAll(/--(?:out|plot|state) ([a-z][\w.-]*)/g)].map(([, name]) => name);
  const names = [...new Set([...made, ...OTHERS])];
  const paths = names.map((name) => name.includes(".") ? name : `${name}/key.pem`);
  const git = new Deno.Command("git", {
    args: ["check-ignore", "--no-index", ...paths],
    cwd: ROOT,
    stderr: "null",
  });
  const { stdout } = await git.output();
  assertEquals(new TextDecoder().decode(stdout).trim().split("\n"), paths);
});
