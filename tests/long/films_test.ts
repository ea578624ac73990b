/** All real radiographs that are here, and drawn films of three seeds. */
Deno.env.set("FEDX_FILMS", "all");
for (const name of ["radiographs", "phantom/phantom"]) await import(`../data/${name}_test.ts`);
