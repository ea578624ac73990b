/** The transfer syntaxes that can be read (DICOM PS3.5 annex A; UIDs from PS3.6 annex A). */

/** How pixels are written. */
export type Coding = "native" | "rle" | "jpeg" | "jpeg-ls" | "jpeg-2000" | "ht-jpeg-2000";

/** One transfer syntax. */
export interface TransferSyntax {
  name: string;
  coding: Coding;
  /** Whether values may come back a little changed. */
  lossy?: true;
}

const JPEG = "1.2.840.10008.1.2.4";

/** By UID. */
export const SYNTAXES: ReadonlyMap<string, TransferSyntax> = new Map<string, TransferSyntax>([
  ["1.2.840.10008.1.2", { name: "implicit little endian", coding: "native" }],
  ["1.2.840.10008.1.2.1", { name: "explicit little endian", coding: "native" }],
  ["1.2.840.10008.1.2.1.99", { name: "deflated", coding: "native" }],
  ["1.2.840.10008.1.2.2", { name: "explicit big endian", coding: "native" }],
  ["1.2.840.10008.1.2.5", { name: "RLE", coding: "rle" }],
  [`${JPEG}.50`, { name: "JPEG baseline", coding: "jpeg", lossy: true }],
  [`${JPEG}.51`, { name: "JPEG extended", coding: "jpeg", lossy: true }],
  [`${JPEG}.57`, { name: "JPEG lossless", coding: "jpeg" }],
  [`${JPEG}.70`, { name: "JPEG lossless, first order", coding: "jpeg" }],
  [`${JPEG}.80`, { name: "JPEG-LS lossless", coding: "jpeg-ls" }],
  [`${JPEG}.81`, { name: "JPEG-LS near-lossless", coding: "jpeg-ls", lossy: true }],
  [`${JPEG}.90`, { name: "JPEG 2000 lossless", coding: "jpeg-2000" }],
  [`${JPEG}.91`, { name: "JPEG 2000", coding: "jpeg-2000", lossy: true }],
  [`${JPEG}.201`, { name: "HTJ2K lossless", coding: "ht-jpeg-2000" }],
  [`${JPEG}.202`, { name: "HTJ2K lossless, RPCL", coding: "ht-jpeg-2000" }],
  [`${JPEG}.203`, { name: "HTJ2K", coding: "ht-jpeg-2000", lossy: true }],
]);

export const BIG_ENDIAN = "1.2.840.10008.1.2.2";

/** The syntax of a UID; undefined for one that cannot be read. */
export function syntaxOf(uid: string): TransferSyntax | undefined {
  return SYNTAXES.get(uid);
}
