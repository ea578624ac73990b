/** What the rules of the tree are asked of: its files, and what each of them imports. */
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

export interface Source {
  /** From the root, such as "src/fed/protocol/frame.ts". */
  path: string;
  text: string;
}

/** One import of a module. */
export interface Edge {
  /** As it is written, such as "../protocol/frame.ts". */
  target: string;
  typeOnly: boolean;
  /** Inside a function. */
  lazy: boolean;
}

/** Import lines, static and dynamic; a line of comment or text that merely mentions one does not match. */
export function edges(text: string): Edge[] {
  const found: Edge[] = [];
  const fixed = /^(?:import|export)\s+(?:(type)\s+)?(?:([^"';]*?)\s*from\s*)?["']([^"']+)["']/gm;
  for (const [, type, names, target] of text.matchAll(fixed)) {
    const listed = /^\{(.*)\}$/s.exec(names?.trim() ?? "")?.[1].split(",").map((name) => name.trim()).filter(
      Boolean,
    );
    const typeOnly = type !== undefined ||
      (listed?.length ? listed.every((name) => name.startsWith("type ")) : false);
    found.push({ target, typeOnly, lazy: false });
  }
  for (const [, target] of text.matchAll(/^(?!\s*(?:\*|\/\/)).*\bimport\(\s*["']([^"']+)["']/gm)) {
    found.push({ target, typeOnly: false, lazy: true });
  }
  return found;
}

/** The file that an import of `path` names, from the root; null for a package. */
export function fileOf(path: string, target: string): string | null {
  return target.startsWith(".") ? new URL(target, `file:///${path}`).pathname.slice(1) : null;
}

/** The part of the tree that a file belongs to. */
export function part(path: string): string {
  if (path === "mod.ts") return "mod.ts";
  return path.startsWith("src/") ? path.split("/").slice(0, 2).join("/") : path.split("/")[0];
}

/** Every file below a folder. */
export async function walk(folder: string): Promise<string[]> {
  const paths: string[] = [];
  try {
    for await (const entry of Deno.readDir(`${ROOT}${folder}`)) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory) paths.push(...await walk(path));
      else paths.push(path);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return paths;
}

/** Every TypeScript file below the folders, and mod.ts. */
export async function sources(roots = ["src", "tools", "bench"]): Promise<Source[]> {
  const folders = await Promise.all(roots.map(walk));
  const paths = ["mod.ts", ...folders.flat()].filter((path) => path.endsWith(".ts"));
  return await Promise.all(
    paths.map(async (path) => ({ path, text: await Deno.readTextFile(`${ROOT}${path}`) })),
  );
}
