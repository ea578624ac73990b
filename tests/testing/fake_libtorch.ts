/** A folder that looks like libtorch. */
export async function fakeLibtorch(
  dir: string,
  version: string,
  options: { headers: boolean },
): Promise<string> {
  await Deno.mkdir(`${dir}/lib`, { recursive: true });
  await Deno.writeTextFile(`${dir}/lib/libtorch_cpu.so`, "");
  await Deno.writeTextFile(`${dir}/version.py`, `from typing import Optional\n__version__ = '${version}'\n`);
  if (options.headers) await Deno.mkdir(`${dir}/include/torch/csrc/api`, { recursive: true });
  return dir;
}
