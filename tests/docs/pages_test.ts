import { assert, assertEquals } from "@std/assert";
import { assertShown, type Page, page, pages, prose, ROOT } from "../testing/pages.ts";

/** Most lines of README, and most columns of every page. */
const LINES = 140, COLUMNS = 120;

/** Links and images with their targets, code left out. */
function links(page: Page): string[] {
  return [...prose(page).replaceAll(/`[^`]*`/g, "").matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target);
}

/** The anchors that a page's headings get where it is shown: lower case, without punctuation, `-` for spaces. */
function anchors(page: Page): string[] {
  const headings = [...prose(page).matchAll(/^#+ (.*)$/gm)].map(([, text]) => text);
  return headings.map((text) =>
    text.toLowerCase().replaceAll(/[^\p{Letter}\p{Number}\s_-]/gu, "").replaceAll(" ", "-")
  );
}

/** A page's links that lead nowhere, or out of the pages that `task bundle` packs. */
function broken(from: Page, all: readonly Page[]): string[] {
  return links(from).filter((target) => !target.startsWith("https://")).filter((target) => {
    const [path, anchor] = target.split("#");
    const aim = path === "" ? from.path : new URL(path, `file:///${from.path}`).pathname.slice(1);
    const found = all.find((one) => one.path === aim);
    if (anchor !== undefined) return found === undefined || !anchors(found).includes(anchor);
    return found === undefined && aim !== "LICENSE";
  }).map((target) => `${from.path} links to ${target}`);
}

Deno.test("README has at most 140 lines, and no page a line of more than 120 columns", async () => {
  const all = await pages();
  const lines = all[0].text.trimEnd().split("\n");
  assert(lines.length <= LINES, `README has ${lines.length} lines`);
  // A transcript has its lines as they were printed.
  const own = (text: string) =>
    text.replaceAll(/^```text \S+\n[^]*?^```$/gm, (block) => block.replaceAll(/[^\n]/g, ""));
  const long = all.flatMap(({ path, text }) =>
    own(text).split("\n").flatMap((line, at) => [...line].length > COLUMNS ? [`${path}:${at + 1}`] : [])
  );
  assertEquals(long, []);
});

Deno.test("README begins with the two set-up commands, and links to every page", async () => {
  const readme = await page("README.md");
  const commands = [...readme.text.matchAll(/^npx .*$/gm)].map(([line]) => line);
  assertEquals(commands.slice(0, 2), ["npx -y deno@2.9.3 task demo", "npx -y deno@2.9.3 task test"]);
  assert(readme.text.indexOf("\n## ") === readme.text.indexOf("\n## Two commands"), "they come first");
  const missing = (await pages()).map(({ path }) => path).filter((path) => !links(readme).includes(path));
  assertEquals(missing, ["README.md"]);
});

Deno.test("every relative link of README and docs/ leads to a page, and to a heading of it where it says so", async () => {
  const all = await pages();
  assertEquals(all.flatMap((one) => broken(one, all)), []);
  const example = {
    path: "docs/x.md",
    text: "# A, b\n[a](#a-b) [b](#none) [c](none.md) [d](x.md#a-b) [e](../LICENSE)\n",
  };
  assertEquals(broken(example, [example]), ["docs/x.md links to #none", "docs/x.md links to none.md"]);
});

Deno.test("every file and folder of the tree that a page names is there", async () => {
  const missing: string[] = [];
  for (const { path, text } of await pages()) {
    const named = text.matchAll(/(?<![\w./-])(?:src|tests|bench|native|tools|docs)\/[\w./-]*\w\/?/g);
    for (const [name] of named) {
      if (!await Deno.stat(`${ROOT}${name}`).then(() => true, () => false)) {
        missing.push(`${path} names ${name}`);
      }
    }
  }
  assertEquals(missing, []);
});

Deno.test("docs/develop.md has a line for every folder of the tree, of src and of src/fed", async () => {
  const { text } = await page("docs/develop.md");
  const missing: string[] = [];
  for (const [folder, prefix] of [["", ""], ["src", "src/"], ["src/fed", ""]]) {
    for await (const { name, isDirectory } of Deno.readDir(`${ROOT}${folder}`)) {
      const hidden = name.startsWith(".") || ["src", "node_modules", "coverage"].includes(name) ||
        /^(ca|tls|films|shard|fedx)\b/.test(name);
      if (isDirectory && !hidden && !text.includes(`\n| \`${prefix}${name}/\` `)) {
        missing.push(`${folder}/${name}`);
      }
    }
  }
  assertEquals(missing, []);
});

Deno.test("assertShown finds lines whatever their spaces and whatever … stands for, and no others", () => {
  assertShown("x\n a   1.5 (b) \ny", "a 1.5 (b)");
  assertShown("start: from B (C)\nend", "start: … (C)\nend");
  for (const shown of ["a 125 (b)", "start: … (D)", "x\ny"]) {
    let found = true;
    try {
      assertShown("x\n a 1.5 (b)\ny\nstart: from B (C)", shown);
    } catch {
      found = false;
    }
    assert(!found, shown);
  }
});
