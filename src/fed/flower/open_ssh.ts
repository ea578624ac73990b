/** Public keys as one line of OpenSSH: `<type> <base64 of parts, each after its length> [comment]`. */
import { Buffer } from "node:buffer";

/** The curves of Flower's nodes by their names in JWK: OpenSSH's name, and bytes of a coordinate. */
export const CURVES: Readonly<Record<string, { name: string; side: number }>> = {
  "P-384": { name: "nistp384", side: 48 },
  "P-256": { name: "nistp256", side: 32 },
};

/** The line of a key of a type; the type is the first part by itself. */
export function writeLine(type: string, parts: readonly Uint8Array[]): string {
  const framed = [Buffer.from(type), ...parts].flatMap((part) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(part.length);
    return [length, part];
  });
  return `${type} ${Buffer.concat(framed).toString("base64")}`;
}

/** The parts of a line, its type first. @throws {RangeError} where a length is cut off */
export function readLine(line: string): Buffer[] {
  const bytes = Buffer.from(line.trim().split(/\s+/)[1] ?? "", "base64");
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUInt32BE(at);
    parts.push(bytes.subarray(at + 4, at += 4 + length));
  }
  return parts;
}
