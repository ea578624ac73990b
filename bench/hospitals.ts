/**
 * Three hospitals on this machine: folders `silo-a`, `silo-b`, `silo-c`, each with `images/` and `labels.csv`, as
 * shards with certificates, and whole runs of them as four processes on loopback over mutual TLS.
 */
import { Shard } from "../src/data/shard.ts";
import { exists } from "../src/files/exists.ts";
import { freePort } from "../tests/testing/free_port.ts";

export const SILOS = ["a", "b", "c"];

/** What a command printed under --json. */
export type Json = Record<string, unknown>;

/** Where the films come from, where everything is written, and the stored images' side in pixels. */
export interface HospitalOptions {
  data: string;
  out: string;
  size: string;
}

/** What is run is the program named by FEDX_EXE, else `./fedx`. */
export class Hospitals {
  readonly #options: HospitalOptions;

  constructor(options: HospitalOptions) {
    this.#options = options;
  }

  shard(silo: string): string {
    return `${this.#options.out}/shard-${silo}-${this.#options.size}`;
  }

  /** The shards as arguments. */
  get shards(): string[] {
    return SILOS.flatMap((silo) => ["--shard", this.shard(silo)]);
  }

  /** A model's scores of every film of a silo, written to `csv`. */
  async predict(model: string, silo: string, csv: string): Promise<void> {
    const args = ["predict", "--model", model, "--shard", this.shard(silo), "--out", csv];
    await this.fedx("predict", args);
  }

  /** Runs one `fedx` command to its end and returns the JSON object that it printed. */
  async fedx(name: string, args: string[]): Promise<Json> {
    const log = `${this.#options.out}/${name}.log`;
    const file = await Deno.open(log, { write: true, create: true, truncate: true });
    const child = new Deno.Command(Deno.env.get("FEDX_EXE") ?? "./fedx", {
      args: [...args, "--json"],
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const [, text, status] = await Promise.all([
      child.stderr.pipeTo(file.writable),
      new Response(child.stdout).text(),
      child.status,
    ]);
    if (!status.success) throw new Error(`fedx ${args[0]} exited ${status.code}: see ${log}`);
    return JSON.parse(text);
  }

  /** The shards, made once, from folders silo-a, silo-b, silo-c or from images with a table for each hospital. */
  async openShards(): Promise<Shard[]> {
    const { data, out, size } = this.#options;
    await Deno.mkdir(out, { recursive: true });
    const dealt = await exists(`${data}/labels-a.csv`);
    for (const silo of SILOS) {
      if (await exists(this.shard(silo))) continue;
      const from = dealt ? data : `${data}/silo-${silo}`;
      const table = dealt ? `${from}/labels-${silo}.csv` : `${from}/labels.csv`;
      const made = await this.fedx(`prepare-${silo}`, [
        ...["prepare", "--images", `${from}/images`, "--labels", table],
        ...["--size", size, "--out", this.shard(silo), "--site", `${out}/site`],
      ]);
      console.log(`prepare ${silo}: ${made.images} images of ${made.patients} patients`);
    }
    return await Promise.all(SILOS.map((silo) => Shard.open(this.shard(silo))));
  }

  /** Shards and certificates, once. */
  async prepare(): Promise<void> {
    const { out } = this.#options;
    await this.openShards();
    if (await exists(`${out}/ca`)) return;
    await this.fedx("ca", ["ca", "init", "--out", `${out}/ca`]);
    const certificates = [["hub", "aggregator"], ...SILOS.map((silo) => [silo, "silo"])];
    for (const [name, role] of certificates) {
      const to = ["--ca", `${out}/ca`, "--out", `${out}/tls-${name}`];
      await this.fedx(`ca-${name}`, ["ca", "issue", name, "--role", role, ...to]);
    }
  }

  /** A run from nothing in the folder `run`, the aggregator with `settings`; what the aggregator printed. */
  async federate(run: string, settings: string[]): Promise<Json> {
    const { out, size } = this.#options;
    await Deno.remove(run, { recursive: true }).catch(() => {});
    const port = freePort();
    const [aggregate] = await Promise.all([
      this.fedx("aggregate", [
        "aggregate",
        ...["--silos", SILOS.join(","), "--listen", `127.0.0.1:${port}`, "--tls", `${out}/tls-hub`],
        ...["--state", `${run}/aggregator`, "--size", size, ...settings],
      ]),
      ...SILOS.map((silo) =>
        this.fedx(`train-${silo}`, [
          "train",
          ...["--silo", silo, "--server", `https://127.0.0.1:${port}`, "--tls", `${out}/tls-${silo}`],
          ...["--shard", this.shard(silo), "--state", `${run}/${silo}`],
          ...["--site", `${run}/site-${silo}`],
        ])
      ),
    ]);
    return aggregate;
  }
}

/** The value of --data; without it the bench ends here. */
export function requireData(data: string | undefined): string {
  if (data) return data;
  console.error("Cannot run the bench: expected --data DIR with silo-a, silo-b and silo-c, got none.");
  Deno.exit(2);
}
