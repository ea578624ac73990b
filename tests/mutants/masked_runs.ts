/** Faults of a silo that believes what the aggregator of a masked run tells it. */
export const MASKED_RUNS = [
  { text: "checkDistinct(secrets, peers);", fault: "", tests: ["attack/equal_secrets_test.ts"] },
  {
    text: "everybody ? Math.min(...images) : Math.max(...images)",
    fault: "Math.max(...images)",
    tests: ["maths/budget_test.ts"],
  },
  { text: "refuseRoster(view);", fault: "", tests: ["attack/lying_masked_runs_test.ts"] },
  { text: "checkSettings(proposal);", fault: "", tests: ["attack/lying_masked_runs_test.ts"] },
  {
    text: " && before.proposal === wanted.proposal",
    fault: "",
    tests: ["attack/lying_masked_runs_test.ts"],
  },
  {
    text: "site.noteMasked({ silo, shard, base: row.base, names: judged.names });",
    fault: "",
    tests: ["attack/lying_masked_runs_test.ts"],
  },
  {
    text: "if (again && before.roster !== roster) throw secondRoster(before, judged);",
    fault: "",
    tests: ["attack/lying_rosters_test.ts"],
  },
  {
    text: "if (changes <= rosterChanges) return changes;",
    fault: "return changes;",
    tests: ["attack/lying_changes_test.ts"],
  },
  {
    text: "const away = row.round - 1 > (before?.round ?? 0);",
    fault: "const away = false;",
    tests: ["attack/lying_changes_test.ts"],
  },
  {
    text: "if (judged.digest !== roster) {",
    fault: "if (false) {",
    tests: ["attack/lying_rosters_test.ts"],
  },
  {
    text: "checkDistinct([...members.values()]);",
    fault: "",
    tests: ["attack/lying_statements_test.ts"],
  },
  {
    text: "checkPin(member, context.pins);",
    fault: "",
    tests: ["attack/lying_statements_test.ts"],
  },
];
