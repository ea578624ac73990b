/** A shard as fedx wrote it before patients' ids and what is known of films were in it. */

/** Makes the shard `dir` one of version 1. */
export async function asVersion1(dir: string): Promise<void> {
  const { site: _, ...manifest } = JSON.parse(await Deno.readTextFile(`${dir}/manifest.json`));
  for (const name of ["patient.hmac", "facts.u8"]) {
    await Deno.remove(`${dir}/${name}`);
    delete manifest.files[name];
  }
  await Deno.writeTextFile(
    `${dir}/manifest.json`,
    JSON.stringify({ ...manifest, version: 1 }, null, 2) + "\n",
  );
}
