/** A mistake in the command line or in fedx.toml: the program ends with 2. */
export class UsageError extends Error {
  override name = "UsageError";
}
