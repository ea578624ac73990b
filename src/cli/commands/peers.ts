/**
 * The keys that a hospital knows its peers by.
 *
 * Why a key is pinned only as it is written out, never as it was seen: what was seen came through the aggregator, which
 * whoever holds the authority may run as well. Who has compared it by telephone copies it from the list.
 */
import { checkName } from "../../fed/pki/ca.ts";
import { caDigest } from "../../fed/pki/issuer.ts";
import { checkIdentity, readIdentity } from "../../fed/pki/own_certificate.ts";
import { type PeerKey, type SeenKey, Site } from "../../fed/state/site.ts";
import { defaultSite } from "../../files/site_folder.ts";
import { sentence } from "../../refusal.ts";
import type { Context } from "../context.ts";
import type { peers } from "../options/table/peers.ts";
import { UsageError } from "../options/usage_error.ts";

/** What a site knows of one name. */
export interface Known {
  pinned: string | null;
  seen: SeenKey | null;
}

/** What `fedx peers` shows. */
export interface Peers {
  silo: string;
  /** This site's own. */
  key: string;
  /** SHA-256 of the authority's public key. */
  ca: string;
  /** By name, this site's own included once it is pinned. */
  peers: Record<string, Known>;
}

/** Pins and unpins what is asked for, then shows what is known. */
export async function run({ values, output }: Context<typeof peers>): Promise<void> {
  const identity = await readIdentity(values.tls);
  const own = checkIdentity(identity, { dir: values.tls, role: "silo", name: values.silo });
  const [silo, ca] = [own.silo!, caDigest(identity.ca)];
  using site = await Site.open(values.site ?? defaultSite());
  const known = () => peersOf(site, ca);
  const self = { silo, key: own.keyDigest };
  const pins = (values.pin ?? []).map((text) => readPin(text, known()));
  if (pins.length > 0) checkPins([...pins, self], { before: known(), self });
  const off = values.unpin ?? [];
  checkUnpins(off, { before: known(), pins });
  for (const name of off) site.unpin(ca, name);
  for (const pin of pins) site.pin(ca, pin);
  if (pins.length > 0) site.pin(ca, self);
  else if (off.length > 0 && [...site.pinned(ca).keys()].join() === silo) site.unpin(ca, silo);
  const shown = { ...self, ca, peers: known() };
  output.result(shown, describe(shown));
}

function peersOf(site: Site, ca: string): Record<string, Known> {
  const [pinned, seen] = [site.pinned(ca), site.seen(ca)];
  const names = [...new Set([...pinned.keys(), ...seen.keys()])].toSorted();
  return Object.fromEntries(names.map((name) => {
    return [name, { pinned: pinned.get(name) ?? null, seen: seen.get(name) ?? null }];
  }));
}

/** `NAME=KEY` as it is typed: digits in any case, colons between them allowed. @throws {UsageError} */
export function readPin(text: string, before: Record<string, Known>): PeerKey {
  const at = text.indexOf("=");
  const silo = at < 0 ? text : text.slice(0, at);
  const refuse = (expected: string, got: string, remedy: string): never => {
    throw new UsageError(sentence({ what: `Cannot pin ${silo || "a key"}`, expected, got, remedy }));
  };
  if (at < 0) {
    const seen = Object.hasOwn(before, silo) ? before[silo].seen : null;
    const remedy = seen === null
      ? `have ${silo} read out its key, which \`fedx peers\` shows there`
      : `compare it with what ${silo} reads out by telephone; if it is the same: fedx peers --pin ${silo}=${seen.key}`;
    refuse(
      "NAME=KEY",
      seen === null ? "a name alone" : `a name alone; its key as it was last seen is ${seen.key}`,
      remedy,
    );
  }
  try {
    checkName(silo);
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause });
  }
  const key = text.slice(at + 1).replaceAll(":", "").toLowerCase();
  const again = `have ${silo} read it out again`;
  const strange = /[^0-9a-f]/.exec(key)?.[0];
  if (strange !== undefined) {
    refuse("a SHA-256 in hex digits, 0 to 9 and a to f", JSON.stringify(strange), again);
  }
  if (key.length !== 64) refuse("a SHA-256 of 64 hex digits", `${key.length}`, again);
  return { silo, key };
}

/** One holder of a key under two names would count as two in a sum. @throws {UsageError} */
function checkPins(
  pins: readonly PeerKey[],
  { before, self }: { before: Record<string, Known>; self: PeerKey },
): void {
  const held = new Map<string, string>();
  const named = new Map(pins.map(({ silo, key }) => [silo, key]));
  const refuse = (silo: string, expected: string, got: string, remedy: string): never => {
    throw new UsageError(sentence({ what: `Cannot pin ${silo}`, expected, got, remedy }));
  };
  for (const { silo, key } of pins) {
    if (named.get(silo) !== key) {
      const got = silo === self.silo ? "another one" : "two";
      refuse(
        silo,
        silo === self.silo ? `this hospital's own key, ${self.key}` : "one key",
        got,
        "leave one out",
      );
    }
  }
  const rest = Object.entries(before).filter(([name, { pinned }]) => pinned !== null && !named.has(name));
  for (const [silo, key] of [...rest.map(([name, { pinned }]) => [name, pinned!] as const), ...named]) {
    const other = held.get(key);
    if (other !== undefined) {
      refuse(silo, "a key of its own", `that of ${other}`, "have both read out their keys again");
    }
    held.set(key, silo);
  }
}

/** @throws {UsageError} for a name that is not pinned, or that is to be pinned as well */
function checkUnpins(
  names: readonly string[],
  { before, pins }: { before: Record<string, Known>; pins: readonly PeerKey[] },
): void {
  for (const name of names) {
    const pinned = Object.keys(before).filter((one) => before[one].pinned !== null);
    const what = `Cannot unpin ${name}`;
    if (!pinned.includes(name)) {
      throw new UsageError(
        sentence({
          what,
          expected: "a name that is pinned",
          got: pinned.length === 0 ? "none is" : `not one of ${pinned.join(", ")}`,
        }),
      );
    }
    if (pins.some(({ silo }) => silo === name)) {
      throw new UsageError(sentence({ what, expected: "--pin or --unpin of one name", got: "both" }));
    }
  }
}

/** The keys as lines: a line for each name, and below it its key as it is read out and copied. */
export function describe({ silo, key, peers }: Peers): string {
  const own = peers[silo]?.pinned ?? null;
  const others = Object.entries(peers).filter(([name]) => name !== silo);
  return [
    `${silo}: this hospital's own key, to be read out to the others by telephone`,
    `  ${key}`,
    ...own === null || own === key
      ? []
      : [`  pinned is another, ${own}`, `  → fedx peers --pin ${silo}=${key}`],
    ...others.flatMap(([name, known]) => linesOf(name, known)),
    others.every(([, { pinned }]) => pinned === null)
      ? "no key is pinned: in a masked run the holder of the certificate authority is trusted not to make hospitals of its own"
      : "a masked run is refused unless each of its hospitals is pinned here and shows that key",
  ].join("\n");
}

function linesOf(name: string, { pinned, seen }: Known): string[] {
  const when = seen?.at.slice(0, 10);
  if (pinned === null) {
    return [`${name}: not pinned; seen on ${when}, through the aggregator`, `  ${seen!.key}`];
  }
  if (seen === null || seen.key === pinned) return [`${name}: pinned`, `  ${pinned}`];
  return [`${name}: pinned`, `  ${pinned}`, `  but another key was seen on ${when}`, `  ${seen.key}`];
}
