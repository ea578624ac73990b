import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import type { Proposal } from "../../../src/fed/protocol/messages.ts";
import { checkRegistration } from "../../../src/fed/protocol/registration.ts";
import { kernelOf } from "../../../src/kernel.ts";
import { preprocessingOf } from "../../../src/model/weights/model_file.ts";
import { proposalOf } from "../../testing/fake_federation.ts";
import { startVector, TINY } from "../../testing/fake_trainer.ts";
import { registration } from "../../testing/open_round.ts";

/** A shard with so many training images joins a run of batches of 32. */
const join = (images: number, changes: Partial<Proposal>) => {
  const { splits, ...rest } = registration("a");
  const train = { images, patients: images, positives: 1 };
  checkRegistration(proposalOf(startVector(TINY), changes), { ...rest, splits: { ...splits, train } });
};

Deno.test("checkRegistration: counts by another rule are refused, and a class without films names the proposal's", () => {
  const labelRule = "positive:edema,rib_plate";
  const proposal = proposalOf(startVector(TINY), { labelRule });
  const sound = { ...registration("a"), labelRule };
  checkRegistration(proposal, sound);
  const other = assertThrows(() => checkRegistration(proposal, registration("a")), ProtocolError);
  assertEquals([other.code, other.expected, other.got], [
    "other_labels",
    `labelRule ${labelRule}`,
    "any-finding",
  ]);
  for (const split of ["train", "val"] as const) {
    for (const positives of [0, 96]) {
      const splits = { ...sound.splits, [split]: { images: 96, patients: 96, positives } };
      const error = assertThrows(() => checkRegistration(proposal, { ...sound, splits }), ProtocolError);
      assertEquals(error.code, "empty_class");
      assertMatch(
        error.message,
        new RegExp(`both classes in ${split} by the label rule ${labelRule}, got ${positives} pos`),
      );
      assertMatch(error.message, /remedy: name other findings with --positive or --exclude/);
    }
  }
});

Deno.test("checkRegistration: a step a pass is enough, however short the rounds, and one in all of a run below a pass", () => {
  const enough: [number, Partial<Proposal>][] = [
    [32, { rounds: 4, localEpochs: 0.25 }],
    [32, { rounds: 1, localEpochs: 3 }],
    [32, { rounds: null, budget: 60, localEpochs: 1e-6 }],
    [64, { rounds: 5, localEpochs: 0.1 }],
    [320, { rounds: 1, localEpochs: 0.1 }],
  ];
  for (const [images, changes] of enough) {
    join(images, changes);
    const error = assertThrows(() => join(images - 1, changes), ProtocolError);
    assertEquals(error.code, "too_few_images");
    assertMatch(
      error.message,
      new RegExp(`expected at least ${images} training images, one batch .*, got ${images - 1}`),
    );
    const short = changes.budget == null && changes.rounds! * changes.localEpochs! < 1;
    assertMatch(error.message, short ? /remedy: raise --rounds or --local-epochs/ : /remedy: make one with/);
  }
});

Deno.test("checkRegistration: films of another kernel are refused with the command that makes the right ones", () => {
  const proposal = (kernel: string) =>
    proposalOf(startVector(TINY), { preprocessing: preprocessingOf(1, { kernel }) });
  const [full, reduced] = [kernelOf("full"), kernelOf("reduced")];
  for (
    const [wanted, kernel, remedy] of [
      [reduced, full, "fedx prepare --images DIR --labels CSV --size 32 --jpeg2000 reduced --out SHARD"],
      [full, reduced, "fedx prepare --images DIR --labels CSV --size 32 --out SHARD"],
    ]
  ) {
    checkRegistration(proposal(wanted), { ...registration("a"), kernel: wanted });
    const refused = () => checkRegistration(proposal(wanted), { ...registration("a"), kernel });
    const { code, expected, got, ...error } = assertThrows(refused, ProtocolError);
    assertEquals([code, expected, got, error.remedy], [
      "other_preprocessing",
      `kernel ${wanted}`,
      kernel,
      remedy,
    ]);
  }
});
