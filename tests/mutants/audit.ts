/** One-line faults of the audit (list.ts). */
export const AUDIT = [
  {
    text: "if (prev === before) return null;",
    fault: "return null;",
    tests: ["audit/edits_test.ts"],
  },
  {
    text: "if (found === head.digest) {",
    fault: "if (found !== undefined) {",
    tests: ["audit/edits_test.ts"],
  },
  {
    text: "if (lines < before && entries[lines - 1].digest === digest) return null;",
    fault: "return null;",
    tests: ["audit/verify_test.ts"],
  },
  {
    text: "if (ca !== null) checkNames(raw, { certificate, role, ca, now: new Date(head.time) });",
    fault: "",
    tests: ["audit/audit_test.ts"],
  },
  {
    text: "if (found.size < size) await file.truncate(found.size);",
    fault: "",
    tests: ["audit/chain_test.ts"],
  },
  {
    text: 'this.#run.onEvent({ type: "receipt_repeated", silo, round, sha256, examples });',
    fault: "",
    tests: ["audit/roles_test.ts"],
  },
  {
    text: "if (one.heads.role !== null || one.fault !== null) continue;",
    fault: "continue;",
    tests: ["audit/verify_test.ts"],
  },
  {
    text: "if (made === undefined) continue;",
    fault: "continue;",
    tests: ["audit/verify_test.ts"],
  },
  {
    text: "if (last === undefined || lines > last.lines) return void newest.set(role, { lines, digest });",
    fault: "return;",
    tests: ["audit/verify_test.ts"],
  },
];
