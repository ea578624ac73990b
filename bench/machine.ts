/** The machine that a figure was measured on, in one line: a figure without its CPU says little. */
import { thisMachine } from "../src/cli/output/machine.ts";

export const machine = () => `measured on: ${thisMachine()}`;
