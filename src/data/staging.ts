/**
 * Decoded films on disk, kept over a kill: each lies at the place of its row in `images.u8`, and a journal beside it
 * says which are there.
 *
 * Why nothing is taken on trust: a film counts only when its file is the one that was decoded (size and time of the
 * last change) and the pixels at its place have the digest of the journal. So a torn line, a lost write or a shard
 * that was being put together when the run died costs decoding again, and never a wrong pixel.
 */

import { writeAllSync } from "../files/whole.ts";
import { digest } from "../files/digest.ts";
import type { DicomFilm, ReadFilm } from "./film_reader.ts";
import type { ImageSource } from "./image_folder.ts";

/** What the films depend on beside their files; any other value starts anew. */
export interface StagingKey {
  /** Height and width of a film, pixels. */
  size: number;
  kernel: string;
  /** The decoder's version. */
  decoder: string;
  /** Folder of the images. */
  images: string;
  /** SHA-256 of every row's Image Index, in the rows' order: a film's place is its row's. */
  order: string;
}

interface Entry {
  bytes: number;
  modified: number;
  film: StagedFilm;
}

/** A film that is here: the SHA-256 of its pixels, and what its file told beside them. */
export interface StagedFilm {
  digest: string;
  dicom?: DicomFilm;
}

const VERSION = 2;

/** Films of one shard in the making. Close it (`using`); its files stay. */
export class Staging implements Disposable {
  /** Films that the journal knows. */
  get films(): number {
    return this.#entries.size;
  }
  #entries: Map<number, Entry>;
  #pixels: Deno.FsFile;
  #journal: Deno.FsFile;
  #stride: number;

  private constructor(
    o: { entries: Map<number, Entry>; pixels: Deno.FsFile; journal: Deno.FsFile },
    size: number,
  ) {
    this.#entries = o.entries;
    this.#pixels = o.pixels;
    this.#journal = o.journal;
    this.#stride = size * size;
  }

  /**
   * Opens the staging of `files`, or begins it anew where there is none for this key.
   *
   * @returns `because`: what of the key is another than that of the films that were there, which are gone now
   */
  static async open(
    files: { pixels: string; journal: string },
    key: StagingKey,
  ): Promise<{ staging: Staging; because?: string }> {
    const old = await readJournal(files.journal);
    const other = old && differing(old.key, key);
    const entries = old && !other ? old.entries : new Map<number, Entry>();
    const create = { read: true, write: true, create: true };
    const pixels = await Deno.open(files.pixels, { ...create, truncate: entries.size === 0 });
    const journal = await Deno.open(files.journal, { ...create, append: true });
    if (entries.size === 0) await journal.truncate(0);
    const staging = new Staging({ entries, pixels, journal }, key.size);
    // A line that a kill cut short ends here.
    staging.#note(entries.size === 0 ? JSON.stringify({ version: VERSION, ...key }) : "");
    return { staging, because: other && old.entries.size > 0 ? other : undefined };
  }

  /** A row's film when it is here and whole, decoded from this very file. */
  held(index: number, { bytes, modified }: ImageSource): StagedFilm | undefined {
    const entry = this.#entries.get(index);
    if (entry?.bytes !== bytes || entry.modified !== modified) return undefined;
    const pixels = this.read(index);
    return pixels && digest(pixels) === entry.film.digest ? entry.film : undefined;
  }

  /** Keeps a row's film, (size, size) u8. @returns its SHA-256 */
  put(index: number, { bytes, modified }: ImageSource, { pixels, dicom }: ReadFilm): string {
    this.#pixels.seekSync(index * this.#stride, Deno.SeekMode.Start);
    writeAllSync(this.#pixels, pixels);
    const film: StagedFilm = { digest: digest(pixels), ...dicom !== undefined && { dicom } };
    this.#note(`${index} ${bytes} ${modified} ${JSON.stringify(film)}`);
    this.#entries.set(index, { bytes, modified, film });
    return film.digest;
  }

  /** A row's film, or undefined where the file ends before it does. */
  read(index: number): Uint8Array<ArrayBuffer> | undefined {
    const pixels = new Uint8Array(this.#stride);
    this.#pixels.seekSync(index * this.#stride, Deno.SeekMode.Start);
    for (let at = 0; at < pixels.length;) {
      const n = this.#pixels.readSync(pixels.subarray(at));
      if (n === null) return undefined;
      at += n;
    }
    return pixels;
  }

  #note(line: string): void {
    writeAllSync(this.#journal, new TextEncoder().encode(line + "\n"));
  }

  [Symbol.dispose](): void {
    this.#pixels.close();
    this.#journal.close();
  }
}

/** What the key of the journal says otherwise, in words; undefined = nothing. */
function differing(old: Record<string, unknown>, key: StagingKey): string | undefined {
  const all: Record<string, unknown> = { version: VERSION, ...key };
  return Object.keys(all).filter((name) => old[name] !== all[name]).join(", ") || undefined;
}

/** The journal's key and films, lines that are no entry left out; null where there is none. */
async function readJournal(
  path: string,
): Promise<{ key: Record<string, unknown>; entries: Map<number, Entry> } | null> {
  try {
    const [first, ...lines] = (await Deno.readTextFile(path)).split("\n");
    const entries = new Map<number, Entry>();
    for (const line of lines) {
      const found = /^(\d+) (\d+) (\d+) (.*)$/.exec(line);
      const film = found && filmOf(found[4]);
      if (!film) continue;
      const [index, bytes, modified] = found.slice(1, 4).map(Number);
      entries.set(index, { bytes, modified, film });
    }
    return { key: Object(JSON.parse(first)), entries };
  } catch {
    return null;
  }
}

/** The film that a line's JSON describes; null where the line was cut short. */
function filmOf(json: string): StagedFilm | null {
  try {
    const film = JSON.parse(json);
    return typeof film.digest === "string" ? film : null;
  } catch {
    return null;
  }
}
