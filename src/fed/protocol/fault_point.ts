/** Moments of a role's work that have a name, so that a test can stop or delay the role there. */

/** Called with the name of each such moment; the role goes on when the promise is fulfilled. */
export type FaultPoint = (name: string) => void | Promise<void>;
