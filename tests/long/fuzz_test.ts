/** The whole campaign of tests/fuzz: a million inputs in process, ten thousand over sockets. */
Deno.env.set("FEDX_FUZZ", "10");
for (const name of ["parsers", "handlers", "sockets"]) await import(`../fuzz/${name}_test.ts`);
