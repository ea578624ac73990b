/**
 * Protocol Buffers by tables: a message is an object that lists its fields.
 *
 * Why no generator: a dozen calls with some forty fields are shorter than a compiler's set-up, and the wire format is
 * the package's.
 */
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { damaged } from "./damaged.ts";

/** What a scalar is in TypeScript. `s64` is zig-zag (proto's sint64). */
interface Scalars {
  u32: number;
  u64: bigint;
  s64: bigint;
  double: number;
  bool: boolean;
  str: string;
  bytes: Uint8Array;
}
type Scalar = keyof Scalars;

/** A field's number and what it holds; `many`: any number of them, `may`: absent is not the same as 0 or empty. */
export interface Field {
  no: number;
  holds: Scalar | Table;
  many?: true;
  may?: true;
}

/** A message's fields by name. */
export interface Table {
  readonly [name: string]: Field;
}

type Held<F extends Field> = F["holds"] extends Scalar ? Scalars[F["holds"]]
  : F["holds"] extends Table ? Message<F["holds"]>
  : never;

type Optional<T extends Table> = {
  [N in keyof T]: T[N] extends { many: true } ? never : T[N] extends { may: true } ? N : never;
}[keyof T];

/** A message of a table: lists of what there may be many of, undefined for what may be absent. */
export type Message<T extends Table> =
  & { [N in Exclude<keyof T, Optional<T>>]: T[N] extends { many: true } ? Held<T[N]>[] : Held<T[N]> }
  & { [N in Optional<T>]?: Held<T[N]> };

/** Levels of messages within messages, as many as protobuf's own readers take. */
const DEEPEST = 100;
/** Most fields of one message and those within: several times what one of the largest network's has. */
const MOST = 50_000;

const WIRE: Record<Scalar, WireType> = {
  ...{ u32: WireType.Varint, u64: WireType.Varint, s64: WireType.Varint, bool: WireType.Varint },
  ...{ double: WireType.Bit64, str: WireType.LengthDelimited, bytes: WireType.LengthDelimited },
};
const WRITE: { [S in Scalar]: (writer: BinaryWriter, value: Scalars[S]) => void } = {
  u32: (writer, value) => writer.uint32(value),
  u64: (writer, value) => writer.uint64(value),
  s64: (writer, value) => writer.sint64(value),
  double: (writer, value) => writer.double(value),
  bool: (writer, value) => writer.bool(value),
  str: (writer, value) => writer.string(value),
  bytes: (writer, value) => writer.bytes(value),
};
const READ: { [S in Scalar]: (reader: BinaryReader) => Scalars[S] } = {
  u32: (reader) => reader.uint32(),
  u64: (reader) => BigInt(reader.uint64()),
  s64: (reader) => BigInt(reader.sint64()),
  double: (reader) => reader.double(),
  bool: (reader) => reader.bool(),
  str: (reader) => reader.string(true),
  bytes: (reader) => reader.bytes(),
};
const EMPTY: { [S in Scalar]: Scalars[S] } = {
  ...{ u32: 0, u64: 0n, s64: 0n, double: 0, bool: false, str: "", bytes: new Uint8Array(0) },
};

type Unknown = Record<string, unknown>;

/** The bytes of a message. */
export function encode<T extends Table>(table: T, message: Message<T>): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  write(writer, table, message as Unknown);
  return writer.finish();
}

/**
 * Reads a message. Its `bytes` are views of the input: nothing is allocated for what the input only announces.
 *
 * @throws {SyntaxError} when the bytes are none of the table's.
 */
export function decode<T extends Table>(table: T, bytes: Uint8Array): Message<T> {
  try {
    return read(bytes, table, { depth: 0, left: { fields: MOST } }) as Message<T>;
  } catch (cause) {
    throw damaged("a message of protobuf", { cause });
  }
}

function write(writer: BinaryWriter, table: Table, message: Unknown): void {
  for (const [name, field] of Object.entries(table)) {
    const value = message[name];
    if (field.many) writeMany(writer, field, value as unknown[]);
    else if (value !== undefined && (field.may || !isEmpty(field, value))) writeOne(writer, field, value);
  }
}

function isEmpty({ holds }: Field, value: unknown): boolean {
  if (typeof holds === "object") return false;
  return holds === "bytes" ? (value as Uint8Array).length === 0 : value === EMPTY[holds];
}

function writeOne(writer: BinaryWriter, { no, holds }: Field, value: unknown): void {
  if (typeof holds === "object") {
    writer.tag(no, WireType.LengthDelimited).fork();
    write(writer, holds, value as Unknown);
    writer.join();
    return;
  }
  writer.tag(no, WIRE[holds]);
  (WRITE[holds] as (writer: BinaryWriter, value: unknown) => void)(writer, value);
}

function writeMany(writer: BinaryWriter, field: Field, values: readonly unknown[]): void {
  const { no, holds } = field;
  if (!isPacked(holds)) return values.forEach((value) => writeOne(writer, field, value));
  if (values.length === 0) return;
  writer.tag(no, WireType.LengthDelimited).fork();
  for (const value of values) (WRITE[holds] as (writer: BinaryWriter, value: unknown) => void)(writer, value);
  writer.join();
}

/** Whether many of them are written without a tag each. */
function isPacked(holds: Field["holds"]): holds is Scalar {
  return typeof holds === "string" && holds !== "str" && holds !== "bytes";
}

/** A table's fields by their numbers, made once. */
const BY_NUMBER = new WeakMap<Table, Map<number, [string, Field]>>();

function byNumberOf(table: Table): Map<number, [string, Field]> {
  const known = BY_NUMBER.get(table) ??
    new Map(Object.entries(table).map(([name, field]) => [field.no, [name, field]]));
  BY_NUMBER.set(table, known);
  return known;
}

/** How deep a message lies, and how many fields there may be yet. */
interface Place {
  depth: number;
  left: { fields: number };
}

function read(bytes: Uint8Array, table: Table, { depth, left }: Place): Unknown {
  if (depth > DEEPEST) throw new RangeError(`more than ${DEEPEST} levels`);
  const message: Unknown = {};
  const byNumber = byNumberOf(table);
  const place = { depth: depth + 1, left };
  for (const [name, field] of Object.entries(table)) {
    if (field.many) message[name] = [];
    else if (!field.may) message[name] = typeof field.holds === "object" ? undefined : EMPTY[field.holds];
  }
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [no, wire] = reader.tag();
    count(left);
    const known = byNumber.get(no);
    if (known === undefined) reader.skip(wire, no);
    else take(reader, { name: known[0], field: known[1], wire, message, place });
  }
  for (const [name, { many, may, holds }] of Object.entries(table)) {
    // A message that is not there is an empty one.
    if (!many && !may && message[name] === undefined) {
      message[name] = read(new Uint8Array(0), holds as Table, place);
    }
  }
  return message;
}

interface Taken {
  name: string;
  field: Field;
  wire: WireType;
  message: Unknown;
  place: Place;
}

/** @throws {RangeError} for a field too many */
function count(left: Place["left"]): void {
  if (left.fields-- === 0) throw new RangeError(`more than ${MOST} fields`);
}

function take(reader: BinaryReader, { name, field, wire, message, place }: Taken): void {
  const { holds, many } = field;
  const keep = (value: unknown) => {
    if (many) (message[name] as unknown[]).push(value);
    else message[name] = value;
  };
  if (typeof holds === "object") {
    expect(wire, WireType.LengthDelimited);
    return keep(read(reader.bytes(), holds, place));
  }
  if (many && isPacked(holds) && wire === WireType.LengthDelimited) {
    const packed = new BinaryReader(reader.bytes());
    while (packed.pos < packed.len) {
      count(place.left);
      keep(READ[holds](packed));
    }
    return;
  }
  expect(wire, WIRE[holds]);
  keep(READ[holds](reader));
}

function expect(wire: WireType, wanted: WireType): void {
  if (wire !== wanted) throw new RangeError(`wire type ${wire} for ${wanted}`);
}
