/**
 * Reads DER, the one encoding in which certificates are signed, and nothing that is merely close to it.
 *
 * Why a reader of our own: libraries, Deno's among them, also read bytes after the end, lengths in a longer form and
 * other encodings that DER forbids, and where two readers differ about one certificate, a forged one slips through.
 * What this reader takes has exactly one encoding, so writing it again would give the same bytes.
 */

/** One element: its tag, its whole encoding, what that holds, and the elements inside of a constructed one. */
export interface Der {
  tag: number;
  /** Tag, length and content. */
  whole: Uint8Array;
  content: Uint8Array;
  /** Empty for a primitive one. */
  parts: Der[];
}

/** Tags of the elements that certificates are made of. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  bytes: 0x04,
  nothing: 0x05,
  oid: 0x06,
  utf8: 0x0c,
  printable: 0x13,
  ia5: 0x16,
  utcTime: 0x17,
  time: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Set in the tag of an element that is made of others. */
const CONSTRUCTED = 0x20;
/** Set in a tag whose meaning depends on where it stands; what a primitive one holds is left to the caller. */
const CONTEXT = 0x80;
/** Elements inside one another at most; a certificate has nine. */
const DEEPEST = 16;

/**
 * The element that `input` is, whole.
 * @throws {SyntaxError} its message is what stands there instead of DER, for a sentence that says “got …”.
 */
export function readDer(input: Uint8Array): Der {
  const { element, end } = readAt(input, { at: 0, depth: 0 });
  if (end !== input.length) refuse(`${input.length - end} bytes after the end`);
  return element;
}

function readAt(input: Uint8Array, where: { at: number; depth: number }): { element: Der; end: number } {
  const { at, depth } = where;
  const tag = input[at];
  const { length, start } = readLength(input, at + 1);
  const end = start + length;
  if (end > input.length) refuse("an element that is cut short");
  if (depth > DEEPEST) refuse("too many elements inside one another");
  const content = input.subarray(start, end);
  const parts: Der[] = [];
  if ((tag & CONSTRUCTED) !== 0) {
    for (let next = 0; next < content.length;) {
      const part = readAt(content, { at: next, depth: depth + 1 });
      parts.push(part.element);
      next = part.end;
    }
  }
  checkContent(tag, content, parts);
  return { element: { tag, whole: input.subarray(at, end), content, parts }, end };
}

/** A length in its shortest form; one of more bytes than two is longer than any certificate needs. */
function readLength(input: Uint8Array, at: number): { length: number; start: number } {
  if (at >= input.length) refuse("an element that is cut short");
  const first = input[at];
  if (first < 0x80) return { length: first, start: at + 1 };
  const count = first - 0x80;
  if (count === 0) refuse("a length that is left open");
  if (count > 2) refuse("a length in a longer form than needed");
  if (at + count >= input.length) refuse("an element that is cut short");
  const length = count === 1 ? input[at + 1] : input[at + 1] << 8 | input[at + 2];
  if (length < (count === 1 ? 0x80 : 0x100)) refuse("a length in a longer form than needed");
  return { length, start: at + 1 + count };
}

/** Contents that DER has one form for. */
function checkContent(tag: number, content: Uint8Array, parts: Der[]): void {
  const low = tag & 0x1f;
  if ((tag & 0xc0) === CONTEXT && low !== 0x1f) return;
  switch (tag) {
    case TAG.boolean:
      if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) {
        refuse("a boolean of another form");
      }
      return;
    case TAG.integer:
      return checkInteger(content);
    case TAG.bits:
      return checkBits(content);
    case TAG.nothing:
      if (content.length > 0) refuse("a null with content");
      return;
    case TAG.oid:
      return checkOid(content);
    case TAG.utcTime:
    case TAG.time:
      return void timeOf(tag, content);
    case TAG.utf8:
    case TAG.printable:
    case TAG.ia5:
      return checkText(tag, content);
    case TAG.set:
      return checkOrder(parts);
    case TAG.bytes:
    case TAG.sequence:
      return;
    default:
      refuse(`an element of tag ${tag}`);
  }
}

function checkInteger(content: Uint8Array): void {
  const [first, second] = content;
  if (content.length === 0) refuse("an empty integer");
  if (content.length === 1) return;
  if ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)) {
    refuse("an integer in a longer form than needed");
  }
}

function checkBits(content: Uint8Array): void {
  const unused = content[0];
  const none = content.length === 1 && unused === 0;
  const last = content[content.length - 1];
  if (!none && !(content.length > 1 && unused < 8 && (last & (1 << unused) - 1) === 0)) {
    refuse("a bit string of another form");
  }
}

/** Each number of base 128 begins with a byte that says something, and ends. */
function checkOid(content: Uint8Array): void {
  let begins = true;
  for (const byte of content) {
    if (begins && byte === 0x80) refuse("an object identifier in a longer form than needed");
    begins = byte < 0x80;
  }
  if (content.length === 0 || !begins) refuse("an object identifier that is cut short");
}

function checkText(tag: number, content: Uint8Array): void {
  const text = textOf(content);
  if (tag === TAG.ia5 && /[^\0-\x7f]/.test(text)) refuse("a text of other characters than ASCII");
  if (tag === TAG.printable && /[^A-Za-z0-9 '()+,\-./:=?]/.test(text)) refuse("a text of other characters");
}

/** Elements of a set stand in the order of their encodings. */
function checkOrder(parts: Der[]): void {
  for (let i = 1; i < parts.length; i++) {
    if (parts[i - 1].whole.toHex() >= parts[i].whole.toHex()) refuse("a set in another order");
  }
}

/** An object identifier's content as text, such as "2.5.29.17". */
export function oidText(content: Uint8Array): string {
  const numbers: number[] = [];
  let number = 0;
  for (const byte of content) {
    number = number * 128 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    // The first number holds two.
    const first = Math.min(Math.floor(number / 40), 2);
    if (numbers.length === 0) numbers.push(first, number - first * 40);
    else numbers.push(number);
    number = 0;
  }
  return numbers.join(".");
}

/** The parts of an element of this tag that has so many. @throws {SyntaxError} */
export function partsOf(element: Der, tag: number, count: number): Der[] {
  if (element.tag !== tag || element.parts.length !== count) refuse("elements that do not belong there");
  return element.parts;
}

/** UTF-8 as text. @throws {SyntaxError} */
export function textOf(content: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    return refuse("a text that is not UTF-8");
  }
}

/** A date-time as certificates write it (RFC 5280: seconds, Z, and UTCTime up to 2049). @throws {SyntaxError} */
export function timeOf(tag: number, content: Uint8Array): Date {
  const text = textOf(content);
  const parts = tag === TAG.utcTime
    ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text)
    : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (parts === null) return refuse("a time of another form");
  const [year, month, ...rest] = parts.slice(1).map(Number);
  const full = tag === TAG.time ? year : year < 50 ? 2000 + year : 1900 + year;
  if (tag === TAG.time && full < 2050) refuse("a time in a longer form than needed");
  const [day, hour, minute, second] = rest;
  const time = new Date(Date.UTC(full, month - 1, day, hour, minute, second));
  // A 31st of February would be another day.
  const again = time.toISOString().replace(/[-:T]|\.\d+/g, "");
  if (again.slice(tag === TAG.time ? 0 : 2) !== text) refuse("a time that does not exist");
  return time;
}

function refuse(got: string): never {
  throw new SyntaxError(got);
}
