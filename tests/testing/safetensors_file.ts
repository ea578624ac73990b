/** A safetensors file in memory. */
import { joinChunks } from "../../src/fed/wire/exchange.ts";
import { type FileTensor, safetensorsParts } from "../../src/model/weights/safetensors.ts";

/** The bytes of a file, as the program writes it part by part. */
export function safetensorsFile(
  tensors: Map<string, FileTensor>,
  metadata: Record<string, string> = {},
): Uint8Array<ArrayBuffer> {
  return joinChunks(safetensorsParts(tensors, metadata));
}
