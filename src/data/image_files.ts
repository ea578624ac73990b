/** The image files below a folder: PNG and JPEG by their names, DICOM by its mark, whatever its name. */

import { obstacleTo } from "../files/obstacle.ts";
import { walk } from "../files/walk.ts";
import { refusal } from "../refusal.ts";
import { isDicom, MARKED } from "./dicom/dataset.ts";
import { isMediaIndex } from "./dicom/folder.ts";

/** Paths below a folder, in order. */
export interface ImageFiles {
  /** Those that cannot be opened count, whatever they are. */
  files: string[];
  /** Folders that cannot be read. */
  unreadable: string[];
}

/** @throws {Error} when the folder itself cannot be read, or has no image */
export async function imageFiles(folder: string): Promise<ImageFiles> {
  const files: string[] = [], unreadable: string[] = [];
  try {
    for await (const path of walk(folder, { onUnreadable: (path) => unreadable.push(path) })) {
      if (/\.(png|jpe?g)$/i.test(path) || !isMediaIndex(path) && await mayBeDicom(`${folder}/${path}`)) {
        files.push(path);
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
  if (files.length > 0) return { files, unreadable };
  throw new Error(
    `Cannot predict: expected PNG, JPEG or DICOM files in ${folder}, got none; give another --images.`,
  );
}

/** Whether a file has DICOM's mark, or nobody can tell. */
async function mayBeDicom(path: string): Promise<boolean> {
  const head = new Uint8Array(MARKED);
  try {
    using file = await Deno.open(path);
    await file.read(head);
  } catch {
    return true;
  }
  return isDicom(head);
}
