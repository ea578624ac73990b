import { assertEquals } from "@std/assert";
import { contentOf } from "../../../../src/fed/flower/hub/told.ts";
import { FULL, startVector } from "../../../testing/fake_trainer.ts";
import { proposalOf } from "../../../testing/fake_federation.ts";

Deno.test("contentOf: a site's functions are told what films are to the model, and which of them are positive", () => {
  const vector = startVector(FULL);
  for (const labelRule of ["any-finding", "exclude:hernia"]) {
    const inside = { proposal: proposalOf(vector, { labelRule }) };
    const site = { name: "d", key: "", train: 9, positives: 3 };
    const content = contentOf({ site, layout: FULL, inside }, vector, [["split", "val"]]);
    const config = content.get("config")!;
    assertEquals(config.type === "ConfigRecord" && Object.fromEntries(config.values), {
      ...{
        split: "val",
        size: 32n,
        channels: 1n,
        mean: [0.449],
        deviation: [0.226],
        "label-rule": labelRule,
      },
    });
  }
});
