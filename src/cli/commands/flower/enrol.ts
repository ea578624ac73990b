import { enrol, SIGNER } from "../../../fed/flower/hub/enrolment.ts";
import type { Context } from "../../context.ts";
import type { flowerEnrol } from "../../options/table/flower.ts";

/** Enrols a site with Flower. */
export async function run(context: Context<typeof flowerEnrol>): Promise<void> {
  const { values, output } = context;
  const { NAME: name, KEY, train, positives, tls } = values;
  const publicKey = await Deno.readTextFile(KEY);
  const { signer, before } = await enrol(tls, { name, publicKey, train, positives });
  const list = `${tls}/flower.json`;
  output.result(
    { name, train, positives, list, changed: before !== null, signer },
    [
      `${list}: ${name} ${
        before === null ? "enrolled" : "changed"
      }, ${train} training images, ${positives} with a finding`,
      `fedx aggregate --tls ${tls} --flower-listen HOST:PORT takes it in place of a silo of fedx, if --silos names it`,
      "the site pins who signs the app that its SuperNode runs, in a file for --trusted-entities:",
      `${SIGNER}: '${signer}'`,
    ].join("\n"),
  );
}
