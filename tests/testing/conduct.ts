/** The conductor as gpu.sh runs it, for tests: the first argument is the archive's folder, the others are gpu.sh's. */
import { main } from "../../tools/gpu/main.ts";

const [root, ...words] = Deno.args;
Deno.exit(await main(words, root));
