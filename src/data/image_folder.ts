/** The folder that the images of a labels file lie in, and nowhere else. */

import { posix } from "node:path";
import { obstacleTo } from "../files/obstacle.ts";
import { refusal } from "../refusal.ts";
import { type NihDownload, nihFilms } from "./nih.ts";
import { DataError, unreadable } from "./quarantine.ts";
import type { ImageNames } from "./table.ts";

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
  #names: ImageNames;
  #stems = new Map<string, Promise<Map<string, string[]>>>();

  private constructor(path: string, films: Map<string, string>, names: ImageNames) {
    this.path = path;
    this.#films = films;
    this.#names = names;
  }

  /**
   * @param names how the names of images lead to files @default as they stand
   * @throws {Error} when `path` is no folder
   */
  static async open(path: string, download: NihDownload, names: ImageNames = {}): Promise<ImageFolder> {
    return new ImageFolder(await Deno.realPath(path), await nihFilms(path, download.folders), names);
  }

  /**
   * @throws {DataError} `missing_file` (also: several files may be meant), `unreadable_file`, or `outside_folder` when
   * a symbolic link leads out
   */
  async locate(image: string): Promise<ImageSource> {
    try {
      const path = await this.#find(this.#films.get(image) ?? image);
      if (!this.#holds(path)) {
        throw new DataError("outside_folder", "a symbolic link that leads out of the image folder");
      }
      const { size, mtime } = await Deno.stat(path);
      return { path, bytes: size, modified: mtime?.getTime() ?? 0 };
    } catch (cause) {
      if (cause instanceof DataError) throw cause;
      throw unreadable(cause, { near: await this.#near(image) });
    }
  }

  /** The path of a film's file, without symbolic links. */
  async #find(image: string): Promise<string> {
    return await Deno.realPath(`${this.path}/${image}`).catch(async (cause) => {
      if (!(cause instanceof Deno.errors.NotFound)) throw cause;
      const inner = image.slice(image.indexOf("/") + 1);
      if (this.#names.outerFolder && inner !== image) return await Deno.realPath(`${this.path}/${inner}`);
      if (this.#names.anyEnding) return await this.#findById(image);
      throw cause;
    });
  }

  /** The one film whose name is this one and an ending. */
  async #findById(image: string): Promise<string> {
    const id = posix.normalize(image);
    const films = (await this.#near(id)).filter((name) => name.replace(FILM, "") === id);
    if (films.length === 1) return await Deno.realPath(`${this.path}/${films[0]}`);
    if (films.length === 0) throw new Deno.errors.NotFound();
    const message = "Cannot find the image file: several have its name, with different endings";
    throw new DataError("missing_file", message, { near: films });
  }

  #holds(path: string): boolean {
    return path.startsWith(this.path === "/" ? "/" : `${this.path}/`);
  }

  /** Films in place of one that is not there: the same name with another ending, or none, or in other case. */
  async #near(image: string): Promise<string[]> {
    const { dir, base } = posix.parse(image);
    let stems = this.#stems.get(dir);
    if (stems === undefined) this.#stems.set(dir, stems = this.#read(dir));
    return ((await stems).get(stem(base)) ?? []).map((name) => posix.join(dir, name));
  }

  /** The films of a folder below this one by the stems of their names; none where it is not below, or not there. */
  async #read(dir: string): Promise<Map<string, string[]>> {
    const names = dir === "" ? [...this.#films.keys()] : [];
    try {
      const path = await Deno.realPath(`${this.path}/${dir}`);
      if (path === this.path || this.#holds(path)) {
        for await (const { name, isDirectory } of Deno.readDir(path)) if (!isDirectory) names.push(name);
      }
    } catch {
      // Then there is nothing to offer.
    }
    return Map.groupBy(names.filter((name) => FILM.test(name)).sort(), stem);
  }
}

/** How the name of a film's file ends. */
const FILM = /[.](png|jpe?g|dcm|dicom)$/i;

/** A name without the ending of an image file, in lower case. */
function stem(name: string): string {
  return name.replace(/[.](png|jpe?g|dcm|dicom|tiff?|bmp)$/i, "").toLowerCase();
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
