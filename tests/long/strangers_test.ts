/** The strangers of tests/attack/connections_test.ts, a thousand. */
Deno.env.set("FEDX_STRANGERS", "1000");
await import("../attack/connections_test.ts");
