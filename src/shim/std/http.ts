/**
 * First-party stand-in for the part of `jsr:@std/http` that this project uses (see assert.ts for when and why).
 * Server-sent events follow the WHATWG HTML standard, section 9.2.
 */

/** HTTP status codes by name (RFC 9110). */
export const STATUS_CODE = {
  OK: 200,
  Created: 201,
  Accepted: 202,
  NoContent: 204,
  PartialContent: 206,
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  RequestTimeout: 408,
  Conflict: 409,
  Gone: 410,
  ContentTooLarge: 413,
  RangeNotSatisfiable: 416,
  UnprocessableEntity: 422,
  TooManyRequests: 429,
  InternalServerError: 500,
  ServiceUnavailable: 503,
} as const;

/** One server-sent event; `comment` lines are ignored by readers and keep connections alive. */
export interface ServerSentEventMessage {
  comment?: string;
  event?: string;
  data?: string;
  id?: string | number;
  retry?: number;
}

const NEWLINE = /\r\n|\r|\n/;

function line(field: string, value: string | number): string {
  if (NEWLINE.test(String(value))) {
    throw new SyntaxError(`Cannot write server-sent event: expected one line in "${field}"`);
  }
  return `${field}:${value}\n`;
}

function format(message: ServerSentEventMessage): string {
  const { comment, event, data, id, retry } = message;
  let text = "";
  if (comment !== undefined) text += line("", comment);
  if (event !== undefined) text += line("event", event);
  if (data !== undefined) text += data.split(NEWLINE).map((part) => `data:${part}\n`).join("");
  if (id !== undefined) text += line("id", id);
  if (retry !== undefined) text += line("retry", retry);
  return text + "\n";
}

/** Encodes messages into the UTF-8 bytes of a `text/event-stream`. */
export class ServerSentEventStream extends TransformStream<ServerSentEventMessage, Uint8Array> {
  constructor() {
    const encoder = new TextEncoder();
    super({ transform: (message, controller) => controller.enqueue(encoder.encode(format(message))) });
  }
}
