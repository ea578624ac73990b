/** What a SuperNode is refused with, in the status of either transport. */

/**
 * By what it makes of a SuperNode: `unknown` ends it, `over` makes it drop the message, `busy` makes it try again, the others
 * end what it was doing.
 */
export const STATUS = {
  unknown: { http: 401, grpc: 16 },
  over: { http: 403, grpc: 7 },
  early: { http: 412, grpc: 9 },
  bad: { http: 400, grpc: 3 },
  missing: { http: 404, grpc: 12 },
  large: { http: 413, grpc: 8 },
  busy: { http: 503, grpc: 14 },
} as const;

/** A refusal with words for the SuperNode's log. */
export class FleetRefusal extends Error {
  override readonly name = "FleetRefusal";

  /** The site whose key it was, where that is certain. */
  readonly site: string | null;

  constructor(
    readonly kind: keyof typeof STATUS,
    message: string,
    options: ErrorOptions & { site?: string } = {},
  ) {
    super(message, options);
    this.site = options.site ?? null;
  }
}

/** What a call failed with; what is none of ours is tried again and tells nothing. */
export const refusalOf = (error: unknown) =>
  error instanceof FleetRefusal ? error : new FleetRefusal("busy", "a failure on the aggregator");
