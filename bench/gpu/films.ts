/**
 * Films of several hospitals, drawn side by side: this module is also the worker that draws one hospital's. The program
 * that holds it may be one bundled file, of which each worker is a copy; it calls `drawIfWorker` first.
 *
 * Why PNG by hand: the image library is part of the program under test, and does not lie beside a stage.
 */
import { HOSPITALS } from "../../src/data/phantom/phantom.ts";
import { writePhantoms } from "../../src/data/phantom/files.ts";
import { greyPng } from "../../tests/testing/png.ts";
import { seeded } from "../../tests/testing/random.ts";

/** How many films a hospital has in each split, and how large they are. */
export interface Films {
  size: number;
  train: number;
  val: number;
  test: number;
}

interface Task extends Films {
  silo: keyof typeof HOSPITALS;
  folder: string;
}

const WORKER = "draws films";

/** Draws `images/` and `labels.csv` in a folder for each silo. @param program the URL of the module that runs */
export async function drawFilms(program: string, tasks: readonly Task[]): Promise<void> {
  await Promise.all(tasks.map((task) => drawElsewhere(program, task)));
}

async function drawElsewhere(program: string, task: Task): Promise<void> {
  const worker = new Worker(program, { type: "module", name: WORKER });
  try {
    await new Promise<void>((resolve, reject) => {
      worker.onmessage = ({ data }) => data === "done" ? resolve() : worker.postMessage(task);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(`Cannot draw the films of ${task.silo}: ${event.message}`));
      };
    });
  } finally {
    worker.terminate();
  }
}

/** Whether this is a worker of `drawFilms`; it then draws what it is told to. */
export function drawIfWorker(): boolean {
  if (self.name !== WORKER) return false;
  const worker = self as unknown as {
    onmessage(event: MessageEvent<Task>): void;
    postMessage(text: string): void;
  };
  worker.onmessage = async ({ data: { silo, folder, ...films } }) => {
    const random = seeded(silo.charCodeAt(0));
    await writePhantoms(folder, { hospital: HOSPITALS[silo], random, encode: greyPng, ...films });
    worker.postMessage("done");
  };
  worker.postMessage("ready");
  return true;
}
