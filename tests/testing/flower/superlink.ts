/**
 * A stock SuperLink that tests run apps on. Flower changed its ports twice (three gRPC ports; HTTP beside a
 * gRPC Fleet API from 1.37 on; one HTTP port from 1.40 on), and this file knows each version's flags.
 */
import { freePort } from "../free_port.ts";
import { atLeast, type FlowerEnvironment, speaksHttp } from "./environment.ts";
import { removeFolder, runFlower, startFlower, untilListening } from "./process.ts";
import { CONNECTION, type FlowerRun, runApp, type RunConfig } from "./run.ts";

/** Paths of PEM files; the certificate must name 127.0.0.1. */
export interface FlowerTls {
  ca: string;
  certificate: string;
  key: string;
}

/** Where SuperNodes call. */
export interface Fleet {
  transport: "http" | "grpc";
  /** Such as 127.0.0.1:8000, which stock SuperNodes want. */
  address: string;
  /** The same as a URL, http or https. */
  url: string;
}

/** A SuperLink that listens. */
export interface SuperLink extends AsyncDisposable {
  readonly fleet: Fleet;
  /** Its FLWR_HOME, gone after `stop`. */
  readonly folder: string;
  log(): Promise<string>;
  /** Runs the app in a folder to its end. @param options `seconds`: when to give up @default 300 */
  run(app: string, options?: { config?: RunConfig; seconds?: number }): Promise<FlowerRun>;
  /** Runs another command of `flwr`, such as `supernode register K.pub fedx`; fedx is this SuperLink. */
  flwr(...args: string[]): Promise<{ code: number; output: string }>;
  /** Kills it with all its children and removes its folder. */
  stop(): Promise<void>;
}

/** Starts one and waits until it listens. @param options `flags`: more, such as --enable-supernode-auth */
export async function startSuperLink(
  environment: FlowerEnvironment,
  options: { tls?: FlowerTls; flags?: readonly string[] } = {},
): Promise<SuperLink> {
  const { tls, flags = [] } = options;
  const folder = await Deno.makeTempDir({ prefix: "fedx-superlink-" });
  const { args, control, fleet } = ports(environment);
  const secure = tls === undefined
    ? ["--insecure"]
    : ["--ssl-ca-certfile", tls.ca, "--ssl-certfile", tls.certificate, "--ssl-keyfile", tls.key];
  await Deno.writeTextFile(`${folder}/config.toml`, connection(control, tls));
  const process = await startFlower(["flower-superlink", ...secure, ...args, ...flags], {
    environment,
    folder,
  });
  const stop = async () => {
    await process.kill();
    await removeFolder(folder);
  };
  try {
    for (const port of new Set([control, fleet])) await untilListening(port, { process, seconds: 60 });
  } catch (error) {
    await stop();
    throw error;
  }
  const address = `127.0.0.1:${fleet}`;
  return {
    fleet: {
      transport: speaksHttp(environment) ? "http" : "grpc",
      address,
      url: `${tls === undefined ? "http" : "https"}://${address}`,
    },
    folder,
    log: process.log,
    run: (app, options = {}) => runApp(app, { ...options, environment, folder }),
    flwr: (...args) => runFlower(["flwr", ...args], { environment, folder }),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** The flags that place a version's APIs on free ports. */
function ports(environment: FlowerEnvironment): { args: string[]; control: number; fleet: number } {
  const [control, fleet, apps] = [freePort(), freePort(), freePort()];
  const http = ["--host", "127.0.0.1", "--port", `${control}`];
  if (speaksHttp(environment)) return { args: http, control, fleet: control };
  const grpc = ["--fleet-api-address", `127.0.0.1:${fleet}`];
  if (atLeast(environment.version, "1.37")) return { args: [...http, ...grpc], control, fleet };
  grpc.push("--control-api-address", `127.0.0.1:${control}`);
  grpc.push("--serverappio-api-address", `127.0.0.1:${apps}`);
  return { args: grpc, control, fleet };
}

/** The file in which `flwr` finds the SuperLink that is named fedx. */
function connection(port: number, tls: FlowerTls | undefined): string {
  const trust = tls === undefined ? "insecure = true" : `root-certificates = ${JSON.stringify(tls.ca)}`;
  return `[superlink.${CONNECTION}]\naddress = "127.0.0.1:${port}"\n${trust}\n`;
}
