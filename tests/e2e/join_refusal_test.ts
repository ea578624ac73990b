import { assert, assertEquals, assertMatch } from "@std/assert";
import { readEvents, waitForEvent } from "../../src/cli/output/history.ts";
import { FILTER, kernelOf } from "../../src/kernel.ts";
import { type Split, SPLITS } from "../../src/data/shard.ts";
import { initCa, issue } from "../../src/fed/pki/ca.ts";
import { fileFolder } from "../testing/folder.ts";
import { makeHospitals } from "../testing/hospitals.ts";
import { assertRefused, run, start } from "../testing/program.ts";
import { OnTerminal, onTerminal } from "../testing/terminal.ts";
import { freePort } from "../testing/free_port.ts";
import { writeShard } from "../testing/write_shard.ts";

const SIZE = 32;
const dir = await fileFolder();
const port = freePort();

const aggregate = (state: string) => [
  "aggregate",
  ...["--silos", "a,b,c", "--tls", "tls-hub", "--listen", `127.0.0.1:${port}`, "--rounds", "1"],
  ...["--size", String(SIZE), "--batch", "32", "--init", "random", "--state", state],
];

type Changes = Partial<Record<"silo" | "tls" | "shard" | "state" | "wait", string>>;

const train = (changes: Changes): string[] => {
  const { silo = "a", tls = "tls-a", shard = "shard-a", state = crypto.randomUUID(), wait = "20s" } = changes;
  return [
    ...["train", "--silo", silo, "--server", `https://127.0.0.1:${port}`, "--tls", tls, "--shard", shard],
    ...["--state", state, "--threads", "1", "--wait", wait],
  ];
};

/** A shard that `prepare` would not have made: `films` with, then as many without a finding in each split. */
async function makeShard(
  name: string,
  films: Record<Split, [positives: number, negatives: number]>,
  kernel: string = FILTER,
) {
  const rows = SPLITS.flatMap((split) => {
    const [positives, negatives] = films[split];
    return Array.from({ length: positives + negatives }, (_, i) => ({
      pixels: new Uint8Array(SIZE * SIZE).fill(i),
      label: i < positives ? 1 : 0,
      patient: `${split}${i}`,
      split,
      name: `${split}${i}.png`,
    }));
  });
  await writeShard(`${dir}/${name}`, { size: SIZE, kernel, salt: "fedx-1", rows });
}

async function refused(args: string[], text: RegExp): Promise<void> {
  assertRefused(await run(args, { cwd: dir }), text);
}

/** A certificate of another CA in a folder whose ca.pem also holds the federation's. */
async function mixCertificates(): Promise<void> {
  await initCa(`${dir}/ca-foreign`);
  await issue({ name: "a", role: "silo", ca: `${dir}/ca-foreign`, out: `${dir}/tls-foreign` });
  for (const name of ["cert.pem", "key.pem"]) {
    await Deno.mkdir(`${dir}/tls-mixed`, { recursive: true });
    await Deno.copyFile(`${dir}/tls-foreign/${name}`, `${dir}/tls-mixed/${name}`);
  }
  const both = await Promise.all(["ca-foreign", "ca"].map((ca) => Deno.readTextFile(`${dir}/${ca}/ca.pem`)));
  await Deno.writeTextFile(`${dir}/tls-mixed/ca.pem`, both.join(""), { mode: 0o644 });
  await Deno.mkdir(`${dir}/tls-wrong`);
  for (const name of ["cert.pem", "key.pem"]) {
    await Deno.copyFile(`${dir}/tls-foreign/${name}`, `${dir}/tls-wrong/${name}`);
  }
  await Deno.copyFile(`${dir}/ca/ca.pem`, `${dir}/tls-wrong/ca.pem`);
}

Deno.test("train and aggregate: what is refused before a run names its remedy and leaves the aggregator as it was", async (t) => {
  await makeHospitals(dir);
  await mixCertificates();
  const hub = await start(aggregate("hub"), { cwd: dir });
  const events = `${dir}/hub/events.jsonl`;
  const signal = AbortSignal.timeout(60_000);
  let stopped = false;
  const stop = () => {
    stopped = true;
    hub.child.kill("SIGTERM");
  };
  try {
    await waitForEvent(events, { type: "listening", signal });

    await t.step("no certificate, another name, a certificate beside another CA's ca.pem", async () => {
      await refused(
        train({ tls: "tls-none" }),
        /with ca\.pem, cert\.pem and key\.pem, got .* \(remedy: make one with: fedx ca request NAME .* or fedx ca issue NAME .* --out tls-none\)$/,
      );
      await refused(
        train({ silo: "b" }),
        /tls-a\/cert\.pem: expected the name b \(--silo\), got the name a \(remedy: .*--silo a\)$/,
      );
      await refused(
        train({ tls: "tls-wrong" }),
        /expected a certificate of this CA \(.*\), got one issued by .*the federation's CA: fedx ca request a .* or fedx ca issue a --role silo --ca CA/,
      );
    });

    await t.step("two authorities in one ca.pem", async () => {
      await refused(
        train({ tls: "tls-mixed" }),
        /tls-mixed\/ca\.pem: expected the one certificate of an authority .*, got 2 certificates \(remedy: copy ca\.pem from/,
      );
    });

    await t.step("an aggregator of a foreign CA", async () => {
      await refused(
        train({ tls: "tls-foreign" }),
        /trust the aggregator's certificate.*use the ca\.pem of the CA that issued it/,
      );
    });

    await t.step("an empty class, and fewer training images than a batch", async () => {
      const whole: [number, number] = [20, 20];
      const shards: [string, Record<Split, [number, number]>, RegExp][] = [
        [
          "train-one",
          { train: [64, 0], val: whole, test: whole },
          /both classes in train, got 64 positive of 64.*`fedx prepare`/,
        ],
        [
          "val-one",
          { train: whole, val: [0, 40], test: whole },
          /both classes in val, got 0 positive of 40.*`fedx prepare`/,
        ],
        [
          "few",
          { train: [8, 8], val: whole, test: whole },
          /at least 32 training images, one batch a pass, got 16 .*`fedx prepare` from more.*lower --batch/,
        ],
      ];
      for (const [name, films, text] of shards) {
        await makeShard(name, films);
        await refused(train({ shard: name }), text);
      }
    });

    await t.step("films whose JPEG 2000 was decoded otherwise", async () => {
      await makeShard("reduced", { train: [20, 20], val: [20, 20], test: [20, 20] }, kernelOf("reduced"));
      await refused(
        train({ shard: "reduced" }),
        /expected kernel lanczos3, got lanczos3\+j2k-reduced \(remedy: .*fedx prepare --images DIR --labels CSV --size 32 --out SHARD/,
      );
    });

    await t.step("a port in use", async () => {
      await refused(
        aggregate("hub-second"),
        /127\.0\.0\.1:\d+ to be free, got another process on it.*choose another --listen/,
      );
    });

    await t.step(
      "after all that nobody has joined, and a sound silo can: its terminal shows that it waits",
      async () => {
        assertEquals((await readEvents(events)).filter((event) => event.type === "joined"), []);
        const silo = await OnTerminal.start(train({}), { cwd: dir, env: { NO_COLOR: "1" } });
        await silo.when(/^joined; waiting for the others, at most (60|59) min$/);
        stop();
        await silo.when(/^127\.0\.0\.1, port \d+: the connection is refused: nothing listens there, or a$/);
        await silo.when(/^firewall is in the way; trying again, \d+ s left$/);
        await silo.when(/^trying again, \d+ s left$/);
        await silo.type("\x03");
        const { code, lines } = await silo.finished;
        assertEquals([code, lines.at(-1)], [130, "Stopped; the same command goes on from here."]);
        assertEquals(lines.filter((line) => /^(joined; waiting|trying again)/.test(line)), []);
      },
    );

    await t.step(
      "a hub that is not there is given up after --wait, with what was tried, on a wider terminal too",
      async () => {
        const { code, lines } = await onTerminal(train({ wait: "2s" }), { cwd: dir, columns: 120 });
        const reason = "the connection is refused: nothing listens there, or a firewall is in the way";
        const tried = `127.0.0.1, port ${port}: ${reason}`;
        assertEquals(code, 1);
        assertEquals(
          lines.slice(1).join(" "),
          `${tried}; trying again, 2 s left Cannot reach the aggregator: expected an answer within 2 s, got ` +
            `${tried} (remedy: start it, check --server, or raise --wait)`,
        );
        assert(lines.every((line) => line.length <= 120), lines.join("\n"));
      },
    );
  } finally {
    if (!stopped) stop();
    const { code, stderr } = await hub.finished;
    assertEquals(code, 143, stderr);
    assertMatch(stderr, /the same command goes on from here/);
  }
});
