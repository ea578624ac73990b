/**
 * Question: how many DICOM films does `prepare` take in a second on one core, from the file to the shard?
 *
 * Films of 1,024 × 1,024 pixels of 12 bits in every lossless syntax, noise of so many levels over a ramp (of 50 a film
 * has some 6 bits a pixel in JPEG-LS, whose time grows with them; of 400 it has 9), prepared at 224 px on one thread;
 * each syntax in turn, several times, JPEG 2000 at a lower resolution too, as by `--jpeg2000 reduced`. The time is that of decoding, grey levels and resize, CPU-seconds beside it.
 *
 *     npx -y deno@2.9.3 task bench bench/dicom.ts [--films 20] [--side 1024] [--size 224] [--noise 50] [--times 5]
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { FilmDecoder } from "../src/data/dicom/film.ts";
import { resizeGrey } from "../src/data/decode.ts";
import { median } from "../src/fed/maths/median.ts";
import { dicomFile } from "../tests/testing/dicom.ts";
import { ENCODED, encodedDicom } from "../tests/testing/encoded_dicom.ts";
import { filmOf, noiseOf } from "../tests/testing/dicom_archive.ts";
import { machine } from "./machine.ts";

const { values: options } = parseArgs({
  options: {
    films: { type: "string", default: "20" },
    side: { type: "string", default: "1024" },
    size: { type: "string", default: "224" },
    noise: { type: "string", default: "50" },
    times: { type: "string", default: "5" },
  },
});
const [films, side, size, times] = [options.films, options.side, options.size, options.times].map(Number);

/** CPU-seconds of this process. */
const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

console.log(machine());
const noise = noiseOf(side, Number(options.noise));
const decoder = new FilmDecoder();
/** Every syntax, uncompressed first, and JPEG 2000 reduced. */
const WAYS = [
  ...[null, ...ENCODED].map((syntax) => [syntax, false] as const),
  ["1.2.840.10008.1.2.4.90", true] as const,
];
const took = new Map<string, { wall: number[]; cpu: number[] }>();
for (let time = 0; time <= times; time++) {
  for (const [syntax, reduced] of WAYS) {
    const all = Array.from({ length: films }, (_, i) => {
      const film = filmOf(i, { side, noise, ill: i % 2 === 1 });
      return syntax === null ? dicomFile(film) : encodedDicom({ ...film, syntax });
    });
    const [started, before] = [performance.now(), cpu()];
    let name = "";
    for (const file of all) {
      const film = await decoder.decode(file, reduced ? { side: 2 * size } : {});
      await resizeGrey(film, { size });
      name = film.syntax + (reduced ? ", reduced" : "");
    }
    if (time === 0) continue; // the first of each warms up
    const entry = took.get(name) ?? { wall: [], cpu: [] };
    entry.wall.push((performance.now() - started) / films);
    entry.cpu.push((cpu() - before) / films * 1000);
    took.set(name, entry);
  }
}
for (const [name, { wall, cpu }] of took) {
  const ms = median(cpu);
  console.log(
    `${name}: ${median(wall).toFixed(1)} ms, ${ms.toFixed(1)} CPU-ms a film, ${
      (1000 / ms).toFixed(0)
    } films/s a core`,
  );
}
