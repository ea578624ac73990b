/**
 * One cell of a CSV file: quoted only where it must be.
 *
 * Names come from outside, and a spreadsheet takes a text that begins with one of = + - @ for a formula: such a text
 * gets a `'` in front, which keeps it a text. Where a spreadsheet parts cells by `;` or tabs, quotes keep it one cell.
 */
export function csvCell(value: string | number): string {
  const text = typeof value === "string" && /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : String(value);
  return /[",;\t\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
