import { VERSION } from "../../version.ts";

/** Which fedx this is, from which build, on which Deno. */
export function programVersions(): string {
  return `fedx ${VERSION}, build ${Deno.env.get("FEDX_BUILD") ?? "from source"}; Deno ${Deno.version.deno}`;
}
