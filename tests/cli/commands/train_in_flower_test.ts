import { assertEquals, assertMatch } from "@std/assert";
import { freePort } from "../../testing/free_port.ts";
import { fileFolder } from "../../testing/folder.ts";
import { run } from "../../testing/program.ts";
import { noiseShards } from "../../testing/noise_shards.ts";

const dir = await fileFolder();
const FLOWER = ["train", "--silo", "a", "--shard", "shard-a", "--flower", `http://127.0.0.1:${freePort()}`];

Deno.test("train --flower: what cannot be done is said before anything is sent, with exit code 1 or 2", async () => {
  const cases: [args: string[], code: number, text: RegExp][] = [
    [
      [...FLOWER, "--app", "x/y", "--evaluate-metrics", "a=b"],
      2,
      /--evaluate-metrics: expected NAME=loss\|accuracy/,
    ],
    [
      [...FLOWER, "--app", "x/y", "--records", "data=b"],
      2,
      /--records: expected arrays\|config\|metrics=NAME/,
    ],
    [FLOWER, 2, /missing --app/],
    [
      [
        "train",
        "--silo",
        "a",
        "--shard",
        "s",
        "--server",
        "https://hub:1",
        "--tls",
        "t",
        "--positive",
        "Mass",
      ],
      2,
      /--positive with --server/,
    ],
    [
      [...FLOWER, "--app", "x/y", "--positive", "Mass"].with(4, "shard-few"),
      1,
      /both classes in train by the label rule positive:mass, got 0 positive of 12 images/,
    ],
    [
      [...FLOWER, "--app", "x/y", "--server", "https://hub:1"],
      2,
      /expected one of --server or --flower, got/,
    ],
    [
      ["train", "--silo", "a", "--shard", "s", "--server", "https://hub:1", "--tls", "t", "--lr", "1"],
      2,
      /--lr with --server/,
    ],
    [[...FLOWER, "--app", "x/y"], 1, /shard-a/],
    [
      [...FLOWER, "--app", "x/y"].with(4, "shard-few"),
      1,
      /at least 50 training patients by accept.min_train_patients/,
    ],
    [
      [...FLOWER, "--app", "x/y", "--config", "masked.toml"],
      1,
      /expected a masked run by accept.masked, got one that shows each update/,
    ],
  ];
  await Deno.writeTextFile(`${dir}/masked.toml`, "[silo.a]\naccept = { masked = true }\n");
  await noiseShards(dir, ["few"]);
  const ended = await Promise.all(cases.map(([args]) => run(args, { cwd: dir })));
  ended.forEach(({ code, stderr }, at) => {
    assertMatch(stderr, cases[at][2]);
    assertEquals(code, cases[at][1], stderr);
  });
});
