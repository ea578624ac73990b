/** Revoking a silo's certificates: the CA's side of `revoked.json`. */
import { type Authority, issuedBy, openAuthority } from "./authority.ts";
import { checkName } from "./ca.ts";
import { refuseOtherCa, writeText } from "./key_files.ts";
import { LIST_NAME, readList, type RevocationList, type Revoked, signList } from "./revocation.ts";

/** What `revoke` wrote. */
export interface RevokeResult {
  /** The file in the aggregator's folder. */
  list: string;
  /** Number of that list. */
  number: number;
  /** Certificates that it newly refuses. */
  revoked: Revoked[];
  /** Certificates of the name that were refused before. */
  known: number;
}

/**
 * Adds every certificate of a silo that this CA has made to the list, and writes it into the CA's folder and `tls`.
 * A certificate that is made for the same name afterwards is good.
 *
 * @throws {Error} the CA has made none of that name, or only an aggregator's · {ProtocolError} `damaged_revocations`:
 * the list that lies there would be lost · {Deno.errors.AlreadyExists} `tls` belongs to another CA.
 */
export async function revoke(
  options: { name: string; ca: string; tls: string; now?: Date },
): Promise<RevokeResult> {
  checkName(options.name);
  const { name, ca, tls, now = new Date() } = options;
  const what = `revoke ${name}`;
  const authority = await openAuthority(ca, what);
  const serials = await serialsOf(authority, name);
  await refuseOtherCa(`${tls}/ca.pem`, {
    pem: authority.pem,
    what,
    remedy: "name the aggregator's folder of this CA with --tls",
  });
  const before = await standing([ca, tls], authority);
  const refused = new Set(before.revoked.map((one) => one.serial));
  const at = now.toISOString();
  const revoked = serials.filter((serial) => !refused.has(serial)).map((serial) => ({ name, serial, at }));
  const list: RevocationList = {
    version: 1,
    number: before.number + 1,
    updated: at,
    revoked: [...before.revoked, ...revoked],
  };
  const text = await signList(list, authority.key);
  await writeText(`${ca}/${LIST_NAME}`, text);
  await Deno.mkdir(tls, { recursive: true });
  await writeText(`${tls}/${LIST_NAME}`, text);
  return {
    list: `${tls}/${LIST_NAME}`,
    number: list.number,
    revoked,
    known: serials.length - revoked.length,
  };
}

async function serialsOf(authority: Authority, name: string): Promise<string[]> {
  const issued = await issuedBy(authority.dir);
  const silos = issued.filter((one) => one.role === "silo");
  const serials = silos.filter((one) => one.name === name).map((one) => one.serial);
  if (serials.length > 0) return serials;
  if (issued.some((one) => one.name === name)) {
    throw new Error(
      `Cannot revoke ${name}: expected a silo, got an aggregator, whom silos refuse only when its CA changes; ` +
        "make a new CA and new certificates",
    );
  }
  const names = [...new Set(silos.map((one) => one.name))].join(", ").slice(0, 200) || "none";
  throw new Error(
    `Cannot revoke ${name}: expected one of the silos in ${authority.dir}/issued.jsonl (${names}), got none of ` +
      "that name; check the name and --ca",
  );
}

/** What the lists that are there refuse together: one that was lost somewhere is whole again afterwards. */
async function standing(
  folders: string[],
  authority: Authority,
): Promise<{ number: number; revoked: Revoked[] }> {
  let number = 0;
  const revoked = new Map<string, Revoked>();
  for (const folder of folders) {
    const found = await readList(folder, authority.pem);
    if (found === null) continue;
    number = Math.max(number, found.list.number);
    for (const one of found.list.revoked) if (!revoked.has(one.serial)) revoked.set(one.serial, one);
  }
  return { number, revoked: [...revoked.values()] };
}
