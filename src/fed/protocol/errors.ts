/** The one error class of the federation that callers branch on. */
import { type Refusal, sentence } from "../../refusal.ts";
import { ascii } from "./ascii.ts";
import type { ErrorBody } from "./error_body.ts";
import { type FailureCode, FAILURES, isFailureCode } from "./failures.ts";

/** What acts on a terminal or is not to be seen there: control characters, directions, line separators. */
const HIDDEN = /[\p{Control}\p{Format}\p{Line_Separator}\p{Paragraph_Separator}]/gu;

/** A refusal with a code of the table, which gives its first words, its status and its remedy. */
export class ProtocolError extends Error implements Refusal {
  override readonly name = "ProtocolError";
  readonly code: FailureCode;
  readonly status: number;
  readonly retryable: boolean;
  readonly what: string;
  readonly expected: string;
  readonly got: string;
  readonly remedy: string;

  /** @param values `remedy` replaces the table's; all texts must be free of file names and patient ids. */
  constructor(
    code: FailureCode,
    values: { expected: string; got: string; remedy?: string; cause?: unknown },
  ) {
    const { status, retryable, what, remedy: usual } = FAILURES[code];
    const remedy = values.remedy ?? usual;
    // What a peer sent may stand in them: none of it acts on a terminal.
    const [expected, got] = [values.expected, values.got].map((text) => text.replaceAll(HIDDEN, "?"));
    super(sentence({ what, expected, got, remedy }), { cause: values.cause });
    this.code = code;
    this.status = status;
    this.retryable = retryable;
    this.what = what;
    this.expected = expected;
    this.got = got;
    this.remedy = remedy;
  }

  /** The body of the answer; texts are made what the schema lets through. */
  toBody(): ErrorBody {
    const cut = (text: string) => ascii(text).replace(/^(.{397}).{4,}$/, "$1...");
    return { code: this.code, expected: cut(this.expected), got: cut(this.got), remedy: cut(this.remedy) };
  }

  /** The error that a peer's checked body stands for; an unknown code becomes `bad_answer`. */
  static fromBody(body: ErrorBody): ProtocolError {
    if (isFailureCode(body.code)) return new ProtocolError(body.code, body);
    return new ProtocolError("bad_answer", { expected: "a known error code", got: body.code.slice(0, 64) });
  }
}
