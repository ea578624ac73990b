import { readTextIfThere } from "../../files/exists.ts";
import type { Context } from "../context.ts";
import { initFile } from "../options/init_file.ts";
import type { init } from "../options/table/init.ts";
import { hasSection } from "../options/toml.ts";
import { writeOutput } from "../output/check_output.ts";

/** Writes a commented settings file, or adds the section that one lacks. */
export async function run({ values, output }: Context<typeof init>): Promise<void> {
  const { silo, out: file } = values;
  const own = initFile({ silo });
  const before = values.force ? "" : await readTextIfThere(file) ?? "";
  if (before !== "" && hasSection({ file, text: before }, { silo })) {
    const section = silo === undefined ? "[run]" : `[silo.${silo}]`;
    throw new Error(
      `Cannot write ${file}: expected none or one without ${section}, got one with it; ` +
        "name another with --out or overwrite the whole file with --force.",
    );
  }
  const text = before === "" ? own : `${before.trimEnd()}\n\n${own}`;
  hasSection({ file, text }); // an inline `silo = {…}` takes no further section
  await writeOutput(file, text);
  const next = silo === undefined ? "fedx aggregate" : `fedx train --silo ${silo}`;
  output.result({ file }, `${file} written; fill it in, then run: ${next}`);
}
