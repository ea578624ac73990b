import { assertEquals } from "@std/assert";
import { findTorch } from "../../../tools/gpu/torch.ts";
import { withEnv, workingIn } from "../../testing/environment.ts";
import { fakeLibtorch } from "../../testing/fake_libtorch.ts";
import { inFolder } from "../../testing/folder.ts";

Deno.test("findTorch: a PyTorch and a Python that are named from the working folder are found from any other", () =>
  inFolder(async (folder) => {
    await fakeLibtorch(`${folder}/torch`, "2.11.0+cu130", { headers: true });
    const named = { FEDX_LIBTORCH: "torch", FEDX_PYTHON: "venv/bin/python" };
    await withEnv(named, () =>
      workingIn(folder, async () => {
        const here = Deno.cwd();
        const { libtorch, python } = await findTorch();
        assertEquals([libtorch, python], [`${here}/torch`, `${here}/venv/bin/python`]);
      }));
  }));
