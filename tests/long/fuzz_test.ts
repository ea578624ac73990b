/** The whole campaign of tests/fuzz: one and a half million inputs in process, ten thousand over sockets. */
Deno.env.set("FEDX_FUZZ", "10");
for (const name of ["parsers", "handlers", "sockets", "flower", "dicom"]) {
  await import(`../fuzz/${name}_test.ts`);
}
