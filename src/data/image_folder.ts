/** The folder that the images of a labels file lie in, and nowhere else. */

import { obstacleTo } from "../files/obstacle.ts";
import { refusal } from "../refusal.ts";
import { type NihDownload, nihFilms } from "./nih.ts";
import { DataError, unreadFilm } from "./quarantine.ts";

/** An image file as it was found: what must be the same for its pixels to be the same. */
export interface ImageSource {
  /** Without symbolic links. */
  path: string;
  bytes: number;
  /** Time of the last change, ms. */
  modified: number;
}

/** Finds image files by Image Index. */
export class ImageFolder {
  /** Without symbolic links. */
  readonly path: string;
  #films: Map<string, string>;

  private constructor(path: string, films: Map<string, string>) {
    this.path = path;
    this.#films = films;
  }

  /** @throws {Error} when `path` is no folder */
  static async open(path: string, download: NihDownload): Promise<ImageFolder> {
    return new ImageFolder(await Deno.realPath(path), await nihFilms(path, download.folders));
  }

  /** @throws {DataError} `missing_file`, or `outside_folder` when a symbolic link leads out */
  async locate(image: string): Promise<ImageSource> {
    try {
      const path = await Deno.realPath(`${this.path}/${this.#films.get(image) ?? image}`);
      if (!path.startsWith(this.path === "/" ? "/" : `${this.path}/`)) {
        throw new DataError("outside_folder", "a symbolic link that leads out of the image folder");
      }
      const { size, mtime } = await Deno.stat(path);
      return { path, bytes: size, modified: mtime?.getTime() ?? 0 };
    } catch (cause) {
      throw unreadFilm(cause);
    }
  }
}

/** @throws {Error} unless `path` is a folder */
export async function checkFolder(path: string): Promise<void> {
  const found = await Deno.stat(path).catch((cause) => {
    const found = obstacleTo(path, cause) ?? { got: "nothing", remedy: "name one with --images" };
    throw refusal(Error, { what: `Cannot read images ${path}`, expected: "a folder", ...found }, { cause });
  });
  if (found.isDirectory) return;
  throw new Error(`Cannot read images ${path}: expected a folder, got a file; name one with --images`);
}
