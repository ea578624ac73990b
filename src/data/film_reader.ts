/** Image files of all kinds become square grey films. */

import { decodeImage, readImageFile, resizeGrey } from "./decode.ts";
import { isDicom } from "./dicom/dataset.ts";
import type { GreyFilm } from "./dicom/film.ts";
import type { FilmHeader } from "./dicom/header.ts";
import { DicomWorkers } from "./dicom/workers.ts";
import type { FilmFacts } from "./film_facts.ts";
import type { Jpeg2000 } from "../kernel.ts";

/** A film, and what its file tells beside it. */
export interface ReadFilm {
  /** (size, size) u8, row by row. */
  pixels: Uint8Array;
  /** Of a DICOM file. */
  dicom?: DicomFilm;
  /** Who and what it is, of a DICOM file: kept nowhere. */
  header?: FilmHeader;
}

/** What is kept of a DICOM file beside its pixels: no identifier. */
export interface DicomFilm extends Pick<GreyFilm, "syntax" | "windowing" | "inverted"> {
  facts: FilmFacts;
  /** CR or DX. */
  modality: string;
  /** Whether the view is told by a description alone, which is free text. */
  describedView: boolean;
}

/**
 * How many pixels a pixel of the film has at least in each direction, where JPEG 2000 is decoded at a lower resolution:
 * with two the resize still filters, as with the whole film, and does not enlarge what another filter has made.
 */
const MARGIN = 2;

/** How a film is made. */
export interface ReadOptions {
  /** Height and width of the result, pixels. */
  size: number;
  /** How JPEG 2000 is decoded. @default "full" */
  jpeg2000?: Jpeg2000;
}

/** Reads films; close it (`using`), which ends the threads that decode DICOM. */
export class FilmReader implements Disposable {
  readonly #workers = new DicomWorkers();

  /**
   * Reads a PNG, JPEG or DICOM file and stretches it to `size` × `size`, pixels.
   *
   * @throws {DataError} why it is no film, or cannot be read
   */
  async read(path: string, { size, jpeg2000 = "full" }: ReadOptions): Promise<ReadFilm> {
    const bytes = await readImageFile(path);
    if (!isDicom(bytes)) return { pixels: await decodeImage(bytes, { size }) };
    const { header, syntax, windowing, inverted, ...image } = await this.#workers.decode(
      bytes,
      jpeg2000 === "reduced" ? { side: MARGIN * size } : {},
    );
    const { facts, modality, describedView } = header;
    const pixels = await resizeGrey(image, { size });
    return { pixels, dicom: { facts, modality, syntax, windowing, inverted, describedView }, header };
  }

  [Symbol.dispose](): void {
    this.#workers[Symbol.dispose]();
  }
}
