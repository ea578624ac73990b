/**
 * First-party stand-in for the part of `jsr:@std/http` that this project uses (see assert.ts for when and why): the
 * names of the statuses that a refusal on the wire may have.
 */

/** HTTP status codes by name (RFC 9110). */
export const STATUS_CODE = {
  BadRequest: 400,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  Conflict: 409,
  Gone: 410,
  ContentTooLarge: 413,
  RangeNotSatisfiable: 416,
  UnprocessableEntity: 422,
  InternalServerError: 500,
  BadGateway: 502,
  ServiceUnavailable: 503,
  InsufficientStorage: 507,
} as const;
