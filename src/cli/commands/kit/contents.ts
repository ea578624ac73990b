/** What a hospital's archive holds. No file of it is a key: the texts below and one certificate, made anew. */
import type { PublicCa } from "../../../fed/pki/public_ca.ts";
import { prepareOptions } from "../../../kernel.ts";
import { initFile } from "../../options/init_file.ts";
import type { Entry } from "./archive.ts";

/** What the archive of one hospital is made of. */
export interface Kit {
  /** The hospital's name in its certificate. */
  name: string;
  /** Address of the hub. */
  server: URL;
  ca: PublicCa;
  /** Side of the run's images, pixels. */
  size: number;
  /** How they are made (src/kernel.ts). */
  kernel: string;
  /** The line of fedx.toml that says what the hospital takes part in. */
  accept: string;
}

/** The archive's only folder, and where the service looks for it. */
export const folderOf = (name: string) => `fedx-${name}`;

/** The files and folders of an archive. */
export function contentsOf(kit: Kit): Entry[] {
  const folder = folderOf(kit.name);
  return [
    { path: folder, mode: 0o755 },
    { path: `${folder}/README`, text: readme(kit), mode: 0o644 },
    { path: `${folder}/fedx.toml`, text: settings(kit), mode: 0o644 },
    { path: `${folder}/fedx.service`, text: service(kit), mode: 0o644 },
    { path: `${folder}/tls`, mode: 0o700 },
    { path: `${folder}/tls/ca.pem`, text: kit.ca.pem, mode: 0o644 },
  ];
}

/** The hospital's section, its own folders named as README has them. */
export function settings({ name, server, accept }: Kit): string {
  return initFile({ silo: name, values: { server: server.origin, tls: "tls", shard: "shard" }, accept });
}

/** Six lines, each of which a shell takes as it stands. */
function readme({ name, size, kernel }: Kit): string {
  const unit = "/etc/systemd/system/fedx.service";
  const lines: [command: string, why: string][] = [
    [
      "",
      `fedx for hospital ${name}. Put the program fedx into this folder, then run these lines one by one.`,
    ],
    [
      `./fedx ca request ${name} --role silo --out tls`,
      'send tls/request.pem to the hub, and read it the digest after "key" by phone',
    ],
    [
      `./fedx prepare --images films --labels labels.csv ${prepareOptions({ size, kernel })} --out shard`,
      "your films; they stay here",
    ],
    [
      "./fedx doctor",
      "once cert.pem has come back into tls/, you have read fedx.toml, and the hub runs",
    ],
    [
      "./fedx train",
      `takes part; Ctrl-C stops it, the same line goes on; ./fedx status fedx-state/${name} tells how far`,
    ],
    [
      `sed "s|/opt/${
        folderOf(name)
      }|$PWD|g; s|^User=.*|User=$(id -un)|" fedx.service | sudo tee ${unit} && ` +
      "sudo systemctl enable --now fedx",
      "or as a service",
    ],
  ];
  return lines.map(([command, why]) => `${command}${command === "" ? "" : "  "}# ${why}\n`).join("");
}

/** The unit that README's last line fits to the folder and the user. */
function service({ name }: Kit): string {
  const folder = `/opt/${folderOf(name)}`;
  return [
    "[Unit]",
    `Description=fedx, hospital ${name}`,
    "Wants=network-online.target",
    "After=network-online.target",
    "",
    "[Service]",
    "# The user that made tls/key.pem: nobody else may read it.",
    "User=fedx",
    `WorkingDirectory=${folder}`,
    `ExecStart=${folder}/fedx train`,
    "# Stopped before the end; the next start goes on from there.",
    "SuccessExitStatus=130 143",
    "Restart=on-failure",
    "RestartSec=60",
    "# Other settings are the remedy, so that trying again is none.",
    "RestartPreventExitStatus=2",
    "TimeoutStopSec=120",
    "LimitNOFILE=1024",
    "UMask=0077",
    "NoNewPrivileges=yes",
    "",
    "[Install]",
    "WantedBy=multi-user.target",
    "",
  ].join("\n");
}
