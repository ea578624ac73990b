/** Named moments of a role, at which tests kill or delay it. */

/** Awaited at each. */
export type FaultPoint = (name: string) => void | Promise<void>;
