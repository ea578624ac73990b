/** The four exits of tests/model/exit_test.ts, 52 in all. */
Deno.env.set("FEDX_EXITS", "13");
await import("../model/exit_test.ts");
