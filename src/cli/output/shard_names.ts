import { basename } from "node:path";

/** A name for each shard: its folder's, made distinct. */
export function shardNames(dirs: readonly string[]): string[] {
  const names = dirs.map((dir) => basename(dir.replace(/\/+$/, "")));
  return names.map((name, index) => names.indexOf(name) === index ? name : `${name} (${index + 1})`);
}
