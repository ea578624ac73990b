import { digest } from "../../src/files/digest.ts";
import type { Layout } from "../../src/model/layout.ts";

/** The tensors of the classifier. */
export const HEAD_TENSORS = ["classifier.1.weight", "classifier.1.bias"];

/** Names of the tensors of which two vectors do not hold the same bits, in the layout's order. */
export function tensorsThatDiffer(layout: Layout, one: Float32Array, other: Float32Array): string[] {
  const differs = ({ offset, length }: Layout["tensors"][number]) => {
    const [a, b] = [one, other].map((vector) => digest(vector.subarray(offset, offset + length)));
    return a !== b;
  };
  return layout.tensors.filter(differs).map(({ name }) => name);
}
