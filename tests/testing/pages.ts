/** README and the pages of docs/ as their tests read them. */
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The page whose named blocks are one whole run; tests/e2e/first_hour_test.ts executes them. */
export const WALKTHROUGH = "docs/getting-started.md";

export interface Page {
  /** From the root, such as "docs/design.md". */
  path: string;
  text: string;
}

/** A fenced block. */
export interface Block {
  /** First word after the fence. */
  language: string;
  /** Second word; only blocks that a test executes or compares have one. */
  name: string;
  text: string;
}

export async function page(path: string): Promise<Page> {
  return { path, text: await Deno.readTextFile(`${ROOT}${path}`) };
}

/** README first, then docs/ by name. */
export async function pages(): Promise<Page[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(`${ROOT}docs`)) {
    if (name.endsWith(".md")) names.push(`docs/${name}`);
  }
  return await Promise.all(["README.md", ...names.sort()].map(page));
}

export function blocks({ text }: Page): Block[] {
  return [...text.matchAll(/^```(\S*) ?(.*)\n([^]*?)^```$/gm)].map(([, language, name, text]) => ({
    language,
    name,
    text,
  }));
}

/** The text without its fenced blocks. */
export function prose({ text }: Page): string {
  return text.replaceAll(/^```[^]*?^```$/gm, "");
}

/** A block's commands, one a line: without comments, continued lines joined. */
export function commandLines(text: string): string[] {
  return text.replaceAll(/\\\n\s*/g, "").split("\n").map((line) => line.replace(/\s+#.*$/, "").trim()).filter(
    Boolean,
  );
}

/** The time that a line begins with which goes to no terminal. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ /;

/** Fails unless `got` holds the lines that a page shows of a terminal; `…` stands for anything within a line. */
export function assertShown(got: string, shown: string): void {
  const plain = (text: string) =>
    text.split("\n").map((line) => line.replace(TIME, "").trim().replaceAll(/ +/g, " ")).join("\n");
  const pattern = plain(shown.trim()).split("…").map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    .join(".*");
  if (!new RegExp(`^${pattern}$`, "m").test(plain(got))) {
    throw new Error(`Cannot find what the page shows: expected\n${shown}\ngot\n${got}`);
  }
}
