/**
 * What a program that we start gets of the variables that the dynamic linker reads (LD_LIBRARY_PATH and its like).
 *
 * Why: where only named programs may be started, Deno starts none while such a variable is set, and images for GPUs set
 * LD_LIBRARY_PATH to the folder of the driver. So they are left empty, and native/launcher gives a fedx of ours its path
 * back.
 */

/** Holds LD_LIBRARY_PATH for a fedx that we start. */
export const KEPT = "FEDX_LIBRARY_PATH";

/** Variables to add to a program's environment; none where any program may be started. */
export function loaderVariables(): Record<string, string> {
  if (Deno.permissions.querySync({ name: "run" }).state === "granted") return {};
  const names = Object.keys(Deno.env.toObject()).filter((name) => /^(LD|DYLD)_/i.test(name));
  const path = Deno.env.get("LD_LIBRARY_PATH");
  return {
    ...Object.fromEntries(names.map((name) => [name, ""])),
    ...path ? { [KEPT]: path } : {},
  };
}
