/**
 * First-party stand-in for the part of `jsr:@std/assert` that this project uses, taken by an import map where
 * JSR cannot be reached. Written from the public API; the same tests run against the real package elsewhere.
 */
import { inspect } from "node:util";
import { equal } from "./equal.ts";

/** What every failed assertion throws. */
export class AssertionError extends Error {
  override name = "AssertionError";
}

/** A constructor of `T`, abstract ones and those with private arguments included. */
// deno-lint-ignore no-explicit-any
export type AnyConstructor<T = any> = abstract new (...args: any[]) => T;

function show(value: unknown): string {
  return inspect(value, { depth: 6, maxArrayLength: 40, breakLength: 100, sorted: true });
}

function raise(text: string, message?: string): never {
  throw new AssertionError(message === undefined ? text : `${text} ${message}`);
}

/** Throws unless `expr` is truthy. */
export function assert(expr: unknown, message = ""): asserts expr {
  if (!expr) throw new AssertionError(message);
}

/** Throws unless the two are deeply equal. */
export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  if (equal(actual, expected)) return;
  raise(`Values are not equal: actual ${show(actual)}\n expected ${show(expected)}`, message);
}

/** Throws when the two are deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, message?: string): void {
  if (equal(actual, expected)) raise(`Expected values to differ: ${show(actual)}`, message);
}

/** Throws unless `actual` is an instance of `type`. */
export function assertInstanceOf<T extends AnyConstructor>(
  actual: unknown,
  type: T,
  message?: string,
): asserts actual is InstanceType<T> {
  if (!(actual instanceof type)) raise(`Expected an instance of ${type.name}, got ${show(actual)}`, message);
}

/** Throws unless |actual - expected| ≤ tolerance, by default 1e-7 of the expected value. */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  message?: string,
): void {
  if (Object.is(actual, expected)) return;
  const limit = tolerance ?? (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  const delta = Math.abs(expected - actual);
  if (!(delta <= limit)) {
    raise(`Expected ${actual} to be close to ${expected}: delta ${delta} is greater than ${limit}`, message);
  }
}

/** Throws unless actual ≥ expected. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, message?: string): void {
  if (!(actual >= expected)) raise(`Expect ${show(actual)} >= ${show(expected)}`, message);
}

/** Throws unless actual < expected. */
export function assertLess<T>(actual: T, expected: T, message?: string): void {
  if (!(actual < expected)) raise(`Expect ${show(actual)} < ${show(expected)}`, message);
}

/** Throws unless actual ≤ expected. */
export function assertLessOrEqual<T>(actual: T, expected: T, message?: string): void {
  if (!(actual <= expected)) raise(`Expect ${show(actual)} <= ${show(expected)}`, message);
}

/** Throws unless the text contains `expected`. */
export function assertStringIncludes(actual: string, expected: string, message?: string): void {
  if (!actual.includes(expected)) {
    raise(`Expected text to contain ${show(expected)}, got ${show(actual)}`, message);
  }
}

/** Throws unless the text matches. */
export function assertMatch(actual: string, expected: RegExp, message?: string): void {
  if (!expected.test(actual)) raise(`Expected text to match ${expected}, got ${show(actual)}`, message);
}

/** Throws unless `error` is an `ErrorClass` whose message includes `msgIncludes`. */
function assertIsError<E extends Error = Error>(
  error: unknown,
  ErrorClass?: AnyConstructor<E>,
  msgMatches?: string | RegExp,
  message?: string,
): asserts error is E {
  if (!(error instanceof Error)) raise(`Expected an Error, got ${show(error)}`, message);
  if (ErrorClass && !(error instanceof ErrorClass)) {
    raise(
      `Expected error to be ${ErrorClass.name}, got ${error.constructor.name}: ${error.message}`,
      message,
    );
  }
  const fits = typeof msgMatches === "string"
    ? error.message.includes(msgMatches)
    : !msgMatches || msgMatches.test(error.message);
  if (!fits) {
    raise(`Expected error message to include ${show(msgMatches)}, got ${show(error.message)}`, message);
  }
}

/** Throws unless `fn` throws; with a class and a text, unless it throws that. Returns what was thrown. */
export function assertThrows(fn: () => unknown, message?: string): unknown;
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: AnyConstructor<E>,
  msgIncludes?: string,
  message?: string,
): E;
export function assertThrows(
  fn: () => unknown,
  second?: AnyConstructor<Error> | string,
  msgIncludes?: string,
  message?: string,
): unknown {
  try {
    fn();
  } catch (error) {
    return checked(error, second, msgIncludes, message);
  }
  raise("Expected function to throw.", typeof second === "string" ? second : message);
}

/** Rejects unless the promise of `fn` rejects; with a class and a text, unless with that. */
export function assertRejects(fn: () => PromiseLike<unknown>, message?: string): Promise<unknown>;
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: AnyConstructor<E>,
  msgIncludes?: string,
  message?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  second?: AnyConstructor<Error> | string,
  msgIncludes?: string,
  message?: string,
): Promise<unknown> {
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch (error) {
    raise(`Function throws when expected to reject: ${show(error)}`);
  }
  try {
    await promise;
  } catch (error) {
    return checked(error, second, msgIncludes, message);
  }
  raise("Expected function to reject.", typeof second === "string" ? second : message);
}

function checked(
  error: unknown,
  second: AnyConstructor<Error> | string | undefined,
  msgIncludes?: string,
  message?: string,
): unknown {
  if (typeof second !== "string" && second !== undefined) assertIsError(error, second, msgIncludes, message);
  return error;
}
