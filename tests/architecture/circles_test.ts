/** No file imports itself round through others: then each can be read, moved and tested without the rest. */
import { assertEquals } from "@std/assert";
import { circlesIn } from "./circles.ts";
import { edges, fileOf, type Source, sources } from "./sources.ts";

/** The circles of imports: one of types alone, one inside a function and `export … from` count like any other. */
function circles(all: readonly Source[]): string[][] {
  return circlesIn(
    new Map(all.map(({ path, text }) => [path, edges(text).map(({ target }) => fileOf(path, target))])),
  );
}

Deno.test("architecture: there is no circle of imports", async () => {
  const found = circles(await sources(["src"]));
  assertEquals(found.map((way) => [...way, way[0]].join(" → ")), []);
});

Deno.test("architecture: a circle is reported, however it is closed", () => {
  const closing = [
    'import { a } from "./a.ts";',
    'import type { A } from "./a.ts";',
    'import { type A } from "./a.ts";',
    'export * from "./a.ts";',
    'export { a, type A } from "./a.ts";',
    'import {\n  a,\n} from "./a.ts";',
    'export const later = () => import("./a.ts");',
    'export type Late = import("./a.ts").A;',
  ];
  for (const text of closing) {
    const tree = [
      { path: "src/x/a.ts", text: 'import { b } from "./b.ts";' },
      { path: "src/x/b.ts", text: 'import { c } from "../y/c.ts";\nimport sharp from "sharp";' },
      { path: "src/y/c.ts", text: text.replaceAll("./a.ts", "../x/a.ts") },
      { path: "src/y/d.ts", text: 'import { c } from "./c.ts";' },
    ];
    const [a, b, c] = tree.map(({ path }) => path);
    assertEquals(circles(tree), [[a, b, c], [b, c, a], [c, a, b]], text);
    assertEquals(circles(tree.filter(({ path }) => path !== c)), []);
  }
  assertEquals(circles([{ path: "src/a.ts", text: 'import { a } from "./a.ts";' }]), [["src/a.ts"]]);
});
