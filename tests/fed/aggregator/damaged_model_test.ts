import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { closeRound } from "../../../src/fed/aggregator/close_round.ts";
import { freePort } from "../../testing/free_port.ts";
import { runRole, withFederation } from "../../testing/fake_federation.ts";
import { frames, update, withRound } from "../../testing/open_round.ts";

/** Changes one byte in the middle of a model's file, as a bad disk does. */
function damage(state: string, round: number): void {
  using file = Deno.openSync(`${state}/models/${round}.f32`, { write: true });
  file.seekSync(4321, Deno.SeekMode.Start);
  file.writeSync(Uint8Array.of(0x3c));
}

Deno.test("closeRound refuses to fold onto a damaged base, naming its round, and commits nothing", () =>
  withRound(async ({ run, send, dir }) => {
    for (const silo of ["a", "b", "c"]) {
      const { start, bytes } = update(run);
      await send(silo, "POST", "/v1/rounds/1/update", start);
      await send(silo, "PUT", "/v1/rounds/1/update?offset=0", frames(bytes, 0));
    }
    damage(dir, 0);
    const error = await assertRejects(() => closeRound(run, run.state.current!), ProtocolError);
    assertEquals(error.code, "damaged_state");
    assertMatch(error.message, /of the model of round 0/);
    assertEquals([run.state.rounds, run.state.models.size], [0, 1]);
    await Deno.remove(run.state.modelPath(0));
    await assertRejects(() => closeRound(run, run.state.current!), ProtocolError, "got no file");
  }));

Deno.test("closeRound refuses to fold an update that was damaged after it was counted, and takes it once it is whole again", () =>
  withRound(async ({ run, send }) => {
    for (const silo of ["a", "b", "c"]) {
      const { start, bytes } = update(run);
      await send(silo, "POST", "/v1/rounds/1/update", start);
      await send(silo, "PUT", "/v1/rounds/1/update?offset=0", frames(bytes, 0));
    }
    const { whole } = run.state.stagedPath(1, "b");
    const bytes = await Deno.readFile(whole);
    await Deno.writeFile(whole, bytes.with(4321, bytes[4321] ^ 1));
    const close = () => closeRound(run, run.state.current!);
    const error = await assertRejects(close, ProtocolError, "the update of b in round 1");
    assertEquals([error.code, run.state.rounds], ["damaged_state", 0]);
    await Deno.writeFile(whole, bytes);
    await close();
    assertEquals(run.state.rounds, 1);
  }));

Deno.test("a damaged model is not exported: the run fails naming its round, and no model file is overwritten", () =>
  withFederation(async (dir) => {
    const spec = { dir, port: freePort(), rounds: 2 };
    const state = `${dir}/state-aggregator`;
    const onFault = (name: string) => {
      if (name !== "closing") return;
      Deno.writeTextFileSync(`${state}/model.safetensors`, "the best of before");
      damage(state, 0);
    };
    const ends = ["aggregator", "a", "b", "c"].map((role) =>
      assertRejects(() => runRole({ ...spec, role }, role === "aggregator" ? { onFault } : {}), ProtocolError)
    );
    const [hub, ...silos] = await Promise.all(ends);
    assertEquals(hub.code, "damaged_state");
    assertMatch(hub.message, /of the model of round 0, got [0-9a-f]{64}/);
    for (const { code, message } of silos) assertMatch(`${code} ${message}`, /^run_failed .*round 0/);
    assertEquals(await Deno.readTextFile(`${state}/model.safetensors`), "the best of before");
    const kept = await Array.fromAsync(Deno.readDir(state), ({ name }) => name);
    assertEquals(kept.filter((name) => name.endsWith(".safetensors")), ["model.safetensors"]);
  }));
