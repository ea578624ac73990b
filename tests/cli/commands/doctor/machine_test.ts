import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Check } from "../../../../src/cli/commands/doctor/check.ts";
import {
  checkMachine,
  checkOpenFiles,
  type MachineFacts,
  readMachine,
} from "../../../../src/cli/commands/doctor/machine.ts";
import { NETWORK_NAMES } from "../../../../src/model/networks/networks.ts";
import { aggregatorNeed, checkMemory, trainingNeed } from "../../../../src/cli/commands/doctor/memory.ts";
import { PINNED_DENO } from "../../../../src/version.ts";

const FACTS: MachineFacts = {
  os: "linux",
  arch: "x86_64",
  kernel: "6.1",
  glibc: "2.36",
  deno: PINNED_DENO,
  checkedTls: true,
  cores: 2,
  memory: 8 * 2 ** 30,
  available: 4 * 2 ** 30,
  limited: false,
};
const one = (facts: Partial<MachineFacts>, name: string): Check =>
  checkMachine({ ...FACTS, ...facts }).find((check) => check.name === name)!;

Deno.test("checkMachine refuses another system, an old C library, musl and another Deno, each with a remedy", () => {
  assert(checkMachine(FACTS).every((check) => check.ok));
  for (const facts of [{ os: "darwin" }, { glibc: "2.27" }, { glibc: "musl" }]) {
    const check = one(facts, "system");
    assertEquals(check.ok, false);
    assertStringIncludes(check.remedy!, "Linux");
  }
  assertEquals(one({ glibc: "2.28" }, "system").ok, true);
  assertEquals(one({ glibc: null }, "system").ok, null);
  assertStringIncludes(one({ deno: "2.9.5" }, "runtime").remedy!, `deno@${PINNED_DENO}`);
  assertStringIncludes(one({ checkedTls: false }, "runtime").remedy!, "unset NODE_TLS_REJECT_UNAUTHORIZED");
  assertStringIncludes(one({ limited: true }, "memory").detail, "4.0 GiB the cgroup allows");
});

Deno.test("readMachine finds what this machine has", async () => {
  const facts = await readMachine();
  assertEquals([facts.os, facts.deno], [Deno.build.os, Deno.version.deno]);
  assert(facts.cores >= 1 && facts.available > 0 && facts.available <= facts.memory);
  if (Deno.build.env === "gnu" && facts.glibc !== null) assert(/^2\.\d+$/.test(facts.glibc), facts.glibc);
});

Deno.test("trainingNeed is above the measured peaks and within a quarter of them", () => {
  // MiB. Of a silo; ResNet's and DenseNet's of an engine alone, and three vectors.
  const measured = {
    efficientnet_b0: [[128, 16, 1011], [128, 32, 1541], [128, 64, 2568], [224, 16, 2040], [224, 32, 3572]],
    resnet18: [[64, 16, 839], [128, 16, 934], [128, 32, 1097], [224, 16, 1303]],
    densenet121: [[64, 16, 783], [128, 16, 1407], [128, 32, 2147], [224, 16, 2876]],
  };
  for (const network of NETWORK_NAMES) {
    for (const [size, batch, peak] of measured[network]) {
      const need = trainingNeed({ network, size, batch, images: 64 }) / 2 ** 20;
      assert(need >= peak && need < peak * 1.25, `${network}, ${size} px, batch ${batch}: ${need}`);
    }
  }
});

Deno.test("checkMemory compares the need with what can be had", () => {
  const options = { what: "training", remedy: "a smaller --batch" };
  assertEquals(checkMemory(aggregatorNeed(), 8 * 2 ** 30, options).ok, true);
  const check = checkMemory(3 * 2 ** 30, 2 ** 30, options);
  assertEquals([check.ok, check.remedy], [false, "a smaller --batch"]);
  assertStringIncludes(check.detail, "3.0 GiB, 1.0 GiB can be had");
});

Deno.test("checkOpenFiles asks for 256 files of an aggregator, with the remedy; no limit that is known is no fault", () => {
  assertEquals([255, 256, null].map((limit) => checkOpenFiles(limit).ok), [false, true, null]);
  const { detail, remedy } = checkOpenFiles(128);
  assertStringIncludes(detail, "expected at least 256 open files for this process, got 128");
  assertStringIncludes(remedy!, "LimitNOFILE");
});
