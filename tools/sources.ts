/** What an archive has byte for byte as it is in the tree: sources, scripts and documents. */
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** README and the pages of docs/ link to each other and to LICENSE alone. */
const FILES: Record<string, string> = {
  "README.md": "README.md",
  "LICENSE": "LICENSE",
  "tools/rebuild.sh": "rebuild.sh",
  "tools/gpu.sh": "gpu.sh",
};
/** Of native/ not what is built there, the launcher and the tests; of bench/gpu/ what Python runs. */
const FOLDERS: Record<string, { to: string; without?: string[]; wanted?: RegExp }> = {
  "native": { to: "native", without: ["build", "launcher", "tests"] },
  "docs": { to: "docs" },
  "bench/gpu": { to: "gpu", wanted: /\.py$/ },
};

/** Copies all of it into `tree`; returns where each file of it comes from, by its path in `tree`. */
export async function copySources(tree: string): Promise<Map<string, string>> {
  const copies = new Map(Object.entries(FILES).map(([from, to]) => [to, from]));
  for (const [folder, { to, without = [], wanted = /./ }] of Object.entries(FOLDERS)) {
    for (const path of await filesOf(`${ROOT}${folder}`, without)) {
      if (wanted.test(path)) copies.set(`${to}/${path}`, `${folder}/${path}`);
    }
  }
  for (const [to, from] of copies) {
    await Deno.mkdir(`${tree}/${to}`.slice(0, `${tree}/${to}`.lastIndexOf("/")), { recursive: true });
    await Deno.copyFile(ROOT + from, `${tree}/${to}`);
  }
  return copies;
}

/** Paths of all files below a folder but those in folders of these names. */
async function filesOf(folder: string, without: readonly string[], prefix = ""): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (!isDirectory) paths.push(prefix + name);
    else if (!without.includes(name)) {
      paths.push(...await filesOf(`${folder}/${name}`, without, `${prefix}${name}/`));
    }
  }
  return paths;
}
