/** Stock SuperNodes, which call a SuperLink, or what serves them as one, and run the client of its app. */
import { freePort } from "../free_port.ts";
import { atLeast, type FlowerEnvironment } from "./environment.ts";
import { removeFolder, startFlower } from "./process.ts";

/** A stock SuperNode. */
export interface SuperNode extends AsyncDisposable {
  /** The exit code, once it has ended by itself or was stopped. */
  readonly ended: Promise<number>;
  log(): Promise<string>;
  /** Ends it as an operator would, so that it says goodbye to the SuperLink. */
  stop(): Promise<void>;
  /** SIGKILL: no goodbye. */
  kill(): Promise<void>;
  /** CPU-seconds that it and its apps have taken. */
  cpu(): Promise<number>;
}

/** How a SuperNode is started. */
export interface SuperNodeOptions {
  /** Host and port, such as 127.0.0.1:8000. */
  address: string;
  /** The path of the authority's PEM file; without it the connection is plain. */
  ca?: string;
  /** What the node tells its apps. */
  config?: Readonly<Record<string, string | number | boolean>>;
  /** The folder of the modules that its apps may import. */
  modules?: string;
  /** More flags, such as --auth-supernode-private-key or --trusted-entities. */
  flags?: readonly string[];
}

/** Starts one, which connects when it can: strategies wait for as many nodes as they need. */
export async function startSuperNode(
  environment: FlowerEnvironment,
  options: SuperNodeOptions,
): Promise<SuperNode> {
  const { address, ca, config = {}, modules, flags = [] } = options;
  const folder = await Deno.makeTempDir({ prefix: "fedx-supernode-" });
  const trust = ca === undefined ? ["--insecure"] : ["--root-certificates", ca];
  const apps = atLeast(environment.version, "1.37")
    ? ["--host", "127.0.0.1", "--port", `${freePort()}`]
    : ["--clientappio-api-address", `127.0.0.1:${freePort()}`];
  const pairs = Object.entries(config).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  const own = pairs.length === 0 ? [] : ["--node-config", pairs.join(" ")];
  const command = ["flower-supernode", "--superlink", address, ...trust, ...apps, ...own, ...flags];
  const process = await startFlower(command, { environment, folder, modules });
  const stop = async () => {
    await process.stop();
    await removeFolder(folder);
  };
  return {
    ended: process.ended,
    log: process.log,
    stop,
    kill: process.kill,
    cpu: process.cpu,
    [Symbol.asyncDispose]: stop,
  };
}
