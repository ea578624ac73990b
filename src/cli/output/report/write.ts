import { writeDurably } from "../../../files/durable.ts";
import { describeSystemError } from "../system_error.ts";
import type { Output } from "../output.ts";

/**
 * Writes a role's report into its state folder; a finished run that is started again writes the same page again.
 * @returns its path, null where it cannot be written: the result is worth more than its page
 */
export async function writeReport(state: string, html: string, output: Output): Promise<string | null> {
  const path = `${state}/report.html`;
  try {
    await writeDurably(path, html);
    return path;
  } catch (error) {
    const { message } = error as Error;
    output.line(`warning: no report: ${describeSystemError(error as Error) ?? message}`);
    return null;
  }
}
