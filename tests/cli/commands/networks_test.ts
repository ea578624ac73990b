import { assert, assertEquals } from "@std/assert";
import { layoutOf } from "../../../src/model/layout.ts";
import { NETWORK_NAMES } from "../../../src/model/networks/networks.ts";
import { inFolder } from "../../testing/folder.ts";
import { run, runJson } from "../../testing/program.ts";

interface Listed {
  name: string;
  parameters: number;
  bytes: number;
  images_per_second: { training: number; scoring: number } | null;
}

Deno.test("networks: every network with its size, its bytes and a speed measured here", () =>
  inFolder(async (cwd) => {
    const args = ["networks", "--size", "32", "--batch", "2", "--threads", "1"];
    const { networks, device } = await runJson(args, { cwd }) as { networks: Listed[]; device: string };
    assertEquals(networks.map(({ name }) => name), NETWORK_NAMES);
    for (const { name, parameters, bytes, images_per_second } of networks) {
      const { weights, length } = layoutOf(name as typeof NETWORK_NAMES[number], { channels: 1 });
      assertEquals([parameters, bytes], [weights, 4 * length]);
      assert(images_per_second!.training > 0 && images_per_second!.scoring > 0);
    }
    assert(device.startsWith("c"));
  }));

Deno.test("networks: without an engine it says why there is no speed, and lists all the same", () =>
  inFolder(async (cwd) => {
    const env = { FEDX_LIBTORCH: `${cwd}/none` };
    const { code, stdout, stderr } = await run(["networks"], { cwd, env });
    assertEquals(code, 0, stderr);
    assert(/speed is not measured: .*libtorch/.test(stderr), stderr);
    assert(/resnet18 +ResNet-18 +11\.17 +44\.7 +– +–/.test(stdout), stdout);
  }));
