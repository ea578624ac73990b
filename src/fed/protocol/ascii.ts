/**
 * Texts that cross the wire are printable ASCII: they are shown on another site's terminal and kept in its logs, where
 * an escape code or a new line could say what its owner never wrote.
 */

/** What our own sentences use beside ASCII, as ASCII. */
const SIGNS: Readonly<Record<string, string>> = {
  "“": '"',
  "”": '"',
  "’": "'",
  "…": "...",
  "—": "-",
  "–": "-",
  "−": "-",
  "≥": ">=",
  "≤": "<=",
  "×": "x",
  "·": "*",
  "±": "+-",
  "→": "->",
  "ß": "ss",
};

/** The text as printable ASCII: accents are dropped, what has no counterpart becomes `?`. */
export function ascii(text: string): string {
  return text
    .replaceAll(/[^\x20-\x7e]/gu, (sign) => SIGNS[sign] ?? sign)
    .normalize("NFKD")
    .replaceAll(/\p{Mark}/gu, "")
    .replaceAll(/[^\x20-\x7e]/gu, "?");
}
