/** The image files below a folder: PNG and JPEG by their names, DICOM by its mark, whatever its name. */

import { obstacleTo } from "../files/obstacle.ts";
import { walk } from "../files/walk.ts";
import { refusal } from "../refusal.ts";
import { isDicom, MARKED } from "./dicom/dataset.ts";
import { isMediaIndex } from "./dicom/folder.ts";

/** Their paths below the folder, in order. @throws {Error} when the folder cannot be read, or has none */
export async function imageFiles(folder: string): Promise<string[]> {
  const found: string[] = [];
  try {
    for await (const path of walk(folder)) {
      if (/\.(png|jpe?g)$/i.test(path) || !isMediaIndex(path) && await isMarked(`${folder}/${path}`)) {
        found.push(path);
      }
    }
  } catch (cause) {
    const none = { got: "nothing", remedy: "give another --images" };
    const found = obstacleTo(folder, cause) ?? none;
    const parts = {
      what: `Cannot read ${folder}`,
      expected: "a folder of PNG, JPEG and DICOM files",
      ...found,
    };
    throw refusal(Error, parts, { cause });
  }
  if (found.length > 0) return found;
  throw new Error(
    `Cannot predict: expected PNG, JPEG or DICOM files in ${folder}, got none; give another --images.`,
  );
}

/** A file that cannot be opened counts by its name alone. */
async function isMarked(path: string): Promise<boolean> {
  const head = new Uint8Array(MARKED);
  try {
    using file = await Deno.open(path);
    await file.read(head);
  } catch {
    return false;
  }
  return isDicom(head);
}
