import { join } from "node:path";
import { digest, fileDigest } from "../../../files/digest.ts";
import { writeDurably } from "../../../files/durable.ts";
import { checkName } from "../../../fed/pki/ca.ts";
import { readPublicCa } from "../../../fed/pki/public_ca.ts";
import { kernelOf } from "../../../kernel.ts";
import { refusal } from "../../../refusal.ts";
import type { Context } from "../../context.ts";
import { acceptLine, readAccept } from "../../options/accept.ts";
import { COMMANDS } from "../../options/commands.ts";
import type { kitMake } from "../../options/table/kit.ts";
import { readSection } from "../../options/toml.ts";
import { archive } from "./archive.ts";
import { contentsOf, folderOf, settings } from "./contents.ts";

/** Makes one archive for each hospital. */
export async function run({ values, output }: Context<typeof kitMake>): Promise<void> {
  const { NAMES: names, server, out, size } = values, kernel = kernelOf(values.jpeg2000);
  names.forEach(checkName);
  readAccept({ recipes: values.recipes }, "--recipes");
  const ca = await readPublicCa(values.ca);
  const accept = acceptLine({
    recipes: values.recipes,
    maxPasses: values["max-passes"],
    minTrainPatients: values["min-train-patients"],
    masked: !values.unmasked,
  });
  const kits = names.map((name) => ({ name, server, ca, size, kernel, accept }));
  for (const kit of kits) {
    readSection({ file: "fedx.toml", text: settings(kit) }, { command: COMMANDS.train, silo: kit.name });
  }
  await Deno.mkdir(out, { recursive: true });
  const made = [];
  for (const kit of kits) {
    const bytes = archive(contentsOf(kit), ca.from);
    const file = join(out, `${folderOf(kit.name)}.tar.gz`);
    await write(file, bytes);
    made.push({ name: kit.name, file, sha256: digest(bytes) });
  }
  output.result({ kits: made }, describe(made));
}

/** Writes an archive; one with the same bytes may be there. */
async function write(file: string, bytes: Uint8Array): Promise<void> {
  const found = await fileDigest(file);
  if (found !== null && found !== digest(bytes)) {
    const remedy = "remove it, or choose another --out";
    throw refusal(Error, {
      what: `Cannot write ${file}`,
      expected: "none or the same",
      got: "another",
      remedy,
    });
  }
  if (found === null) await writeDurably(file, bytes, { mode: 0o644 });
}

function describe(made: readonly { name: string; file: string; sha256: string }[]): string {
  return [
    ...made.flatMap(({ name, file, sha256 }) => [`${file}: for hospital ${name}`, `sha256: ${sha256}`]),
    "send each to its hospital, and read its sha256 out by telephone: they compare it with that of `sha256sum`",
    "a request.pem that comes back is signed with: fedx ca sign request.pem --name NAME --role silo --ca CA " +
    "--out cert.pem",
  ].join("\n");
}
