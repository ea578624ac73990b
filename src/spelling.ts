/** What is equal in spellings of one name: case, blanks and underscores do not matter, as in "Pleural Thickening". */
export function spelling(name: string): string {
  return name.normalize("NFKC").trim().toLowerCase().replaceAll(/[\s_]+/g, "_");
}
