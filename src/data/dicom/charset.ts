/** Texts of a data set in its own character set (DICOM PS3.3 C.12.1.1.2). */

/** Encodings by defined term, those of code extensions included, whose escape sequences ISO-2022 decoders know. */
const ENCODINGS: ReadonlyMap<string, string> = new Map(Object.entries({
  "": "windows-1252",
  "ISO_IR 6": "windows-1252",
  "ISO_IR 100": "windows-1252",
  "ISO_IR 101": "iso-8859-2",
  "ISO_IR 109": "iso-8859-3",
  "ISO_IR 110": "iso-8859-4",
  "ISO_IR 144": "iso-8859-5",
  "ISO_IR 127": "iso-8859-6",
  "ISO_IR 126": "iso-8859-7",
  "ISO_IR 138": "iso-8859-8",
  "ISO_IR 148": "windows-1254",
  "ISO_IR 166": "windows-874",
  "ISO_IR 203": "iso-8859-15",
  "ISO_IR 13": "shift_jis",
  "ISO_IR 192": "utf-8",
  "ISO 2022 IR 87": "iso-2022-jp",
  "ISO 2022 IR 149": "euc-kr",
  "ISO 2022 IR 58": "gb18030",
  GB18030: "gb18030",
  GBK: "gbk",
}));

/**
 * A decoder for the values of SpecificCharacterSet, `\`-separated. Of several sets the last known one decodes: the
 * first is ASCII's there, and the others hold it. An unknown set reads as Latin-1, which loses nothing and is the same
 * each time.
 */
export function decoderOf(specificCharacterSet: string): TextDecoder {
  const terms = specificCharacterSet.split("\\").map((term) => term.trim());
  const known = terms.map((term) =>
    ENCODINGS.get(term) ?? ENCODINGS.get(term.replace("ISO 2022 IR", "ISO_IR"))
  );
  return new TextDecoder(known.findLast((encoding) => encoding !== undefined) ?? "windows-1252");
}
