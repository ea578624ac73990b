import { assertEquals } from "@std/assert";
import { modelLines } from "../../../src/cli/output/model_lines.ts";

Deno.test("a result names which digest is which; one that an older fedx kept has no file's", () => {
  const result = { model: "state/model.safetensors", sha256: "ab12", file_sha256: "cd34" };
  const lines = ["model: state/model.safetensors", "weights sha256: ab12"];
  assertEquals(modelLines(result), [...lines, "file sha256: cd34 (as sha256sum prints it)"]);
  assertEquals(modelLines({ ...result, file_sha256: undefined }), lines);
});
