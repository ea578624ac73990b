/** The four exits of tests/model/shutdown_test.ts, 52 in all. */
Deno.env.set("FEDX_EXITS", "13");
await import("../model/shutdown_test.ts");
