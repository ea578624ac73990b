/** What a command's end says of its model: where it lies, and the two digests that people compare. */
export function modelLines(
  { model, sha256, file_sha256 }: { model: string; sha256: string; file_sha256?: string },
): string[] {
  return [
    `model: ${model}`,
    `weights sha256: ${sha256}`,
    ...file_sha256 === undefined ? [] : [`file sha256: ${file_sha256} (as sha256sum prints it)`],
  ];
}
