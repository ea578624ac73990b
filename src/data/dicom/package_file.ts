/** Files that packages bring beside their code. */

import { fileURLToPath } from "node:url";
import { exists } from "../../files/exists.ts";

/** From source it lies in the npm package, in a bundle (which knows no packages) beside the program. @throws {Error} when it is in neither */
export async function packageFile({ file, specifier }: { file: string; specifier: string }): Promise<string> {
  const beside = `${import.meta.dirname}/${file}`;
  if (await exists(beside)) return beside;
  try {
    return fileURLToPath(import.meta.resolve(specifier));
  } catch (cause) {
    throw new Error(
      `Cannot decode DICOM: expected ${file} beside the program, got none; install fedx again`,
      { cause },
    );
  }
}
