/** Writes docs/commands.md from the table of options: `deno run -A tools/commands_page.ts`. */
import { markdown } from "../src/cli/options/markdown.ts";

await Deno.writeTextFile(new URL("../docs/commands.md", import.meta.url), markdown());
