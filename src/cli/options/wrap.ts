/** Sets words into lines of at most `width` columns; all but the first begin with `indent`. */
export function wrap(words: readonly string[], width: number, indent = ""): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of words) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && longer.length > width) {
      lines.push(line);
      line = indent + word;
    } else line = longer;
  }
  return [...lines, line];
}
