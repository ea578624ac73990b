// Why: all ways of a comparison are judged on the same positive films, so one rule holds for all of them.
import { ANY_FINDING } from "../../../label_rule.ts";
import { labelRuleIn } from "../../../model/weights/initial.ts";
import { labelRuleOf } from "../../options/label_rule.ts";
import type { Values } from "../../options/option.ts";
import type { compare } from "../../options/table/compare.ts";
import { UsageError } from "../../options/usage_error.ts";

/** The label rule that is named, else that of the models which trainings start from. @throws {UsageError} where they differ */
export async function ruleOf(
  values: Pick<Values<typeof compare>, "positive" | "exclude" | "init">,
): Promise<string> {
  if (values.positive !== undefined || values.exclude !== undefined) return labelRuleOf(values);
  const files = (values.init ?? []).filter((init) => init !== "imagenet" && init !== "random");
  const known = (await Promise.all(files.map(labelRuleIn))).filter((rule) => rule !== undefined);
  const rules = [...new Set(known)];
  if (rules.length < 2) return rules[0] ?? ANY_FINDING;
  throw new UsageError(
    `Cannot tell which films are positive: expected --init files of one label rule, got ${
      rules.join(" and ")
    }; ` +
      "say which with --positive or --exclude.",
  );
}
