import { fileURLToPath } from "node:url";
import { assertEquals } from "@std/assert";
import { buildNativeTest, buildShim } from "../tools/native.ts";
import { libtorchDir } from "./testing/libraries.ts";

const libtorch = await libtorchDir();
const golden = fileURLToPath(new URL("golden/", import.meta.url));
const test = await buildNativeTest({ libtorch });

async function run(args: string[], input = ""): Promise<{ code: number; lines: string[] }> {
  const child = new Deno.Command(test.path, {
    args: [golden, ...args],
    env: { OMP_WAIT_POLICY: "PASSIVE" }, // as the program sets it: teams that spin starve each other
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout } = await child.output();
  return { code, lines: new TextDecoder().decode(stdout).trim().split("\n") };
}

for (
  const name of [
    "philox_matches_known_answers",
    "loss_gradient_is_its_slope",
    "adam_equals_torch_optim",
    "config_is_strict",
    "augmentation_moves_only_what_is_on",
    "augmentation_equals_torchvision",
    "statistics_stay_finite",
    "parallel_for_uses_two_threads",
    "train_equals_pytorch_in_float64",
    "abi_refuses_bad_arguments",
    "tensor_uniforms_equal_philox",
    "tensor_pixels_equal_the_loops",
    "scaled_adam_equals_grad_scaler",
    "device_steps_equal_pytorch_in_float64",
    "device_steps_train_like_the_loops",
    "recorded_steps_equal_queued_ones",
    "inf_skips_the_step_and_halves_the_scale",
    "bf16_losses_follow_fp32",
    "resident_pixels_follow_the_data_set",
    "memory_of_the_gpu_has_its_code",
    "precision_is_refused_where_it_cannot_be",
    "shutdown_ends_waiting_calls",
  ]
) {
  Deno.test(`native: ${name}`, async () => {
    assertEquals(await run([name]), { code: 0, lines: [`ok ${name}`] });
  });
}

Deno.test("native/philox.h gives the vectors of tests/golden/philox.json", async () => {
  const vectors: { counter: number[]; key: number[]; out: number[] }[] = JSON.parse(
    await Deno.readTextFile(`${golden}philox.json`),
  );
  const { lines } = await run(
    ["philox"],
    vectors.map(({ counter, key }) => [...counter, ...key].join(" ")).join("\n"),
  );
  assertEquals(lines, vectors.map(({ out }) => out.join(" ")));
});

Deno.test("buildShim builds nothing when nothing changed", async () => {
  await buildShim({ libtorch });
  assertEquals((await buildShim({ libtorch })).built, false);
});
