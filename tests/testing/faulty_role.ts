/**
 * The program with a fault: `faulty_role.ts FAULT ARGUMENTS…`, where FAULT is `kill:POINT:N` (SIGKILL to itself when
 * it reaches the fault point for the Nth time), `delay:MS` (waits at every fault point) or `wire:FAULT+FAULT…` (damages
 * what it sends, see `faulty_wire.ts`).
 */
import { main } from "../../src/cli/main.ts";
import { damageWire, type WireFault } from "../e2e/faulty_wire.ts";

const [fault, ...args] = Deno.args;
const [kind, first, second] = fault.split(":");
let reached = 0;
const damage = kind === "wire" ? first.split("+") as WireFault[] : [];
damage.forEach(damageWire);

async function faultPoint(name: string): Promise<void> {
  if (kind === "delay") await new Promise((resolve) => setTimeout(resolve, Number(first)));
  if (kind === "kill" && name === first && ++reached === Number(second)) Deno.kill(Deno.pid, "SIGKILL");
}

await main(args, { faultPoint, leave: Deno.exit });
