/** What may follow `task gpu` and gpu.sh. */
import { parseArgs } from "node:util";
import { refusal } from "../../src/refusal.ts";

/** The arguments, read. */
export interface GpuArguments {
  /** Stages by name, with commas between. */
  only?: string;
  /** The CPU stands in the GPU's place. */
  rehearse: boolean;
  /** Folder for the results. */
  out?: string;
  /** The archive is made and nothing is run. */
  pack: boolean;
}

/** Reads them. @throws {TypeError} there is one that it does not know */
export function parseArguments(words: readonly string[]): GpuArguments {
  try {
    const { values } = parseArgs({
      args: [...words],
      options: {
        only: { type: "string" },
        rehearse: { type: "boolean", default: false },
        out: { type: "string" },
        pack: { type: "boolean", default: false },
      },
    });
    return { ...values, rehearse: values.rehearse ?? false, pack: values.pack ?? false };
  } catch (cause) {
    throw refusal(TypeError, {
      what: "Cannot run the GPU's stages",
      expected: "--only STAGE,…, --rehearse, --out FOLDER or --pack",
      got: words.join(" "),
    }, { cause });
  }
}
