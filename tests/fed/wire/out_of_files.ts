/**
 * A program that listens as the aggregator does, and prints its port. After a line of input it opens files until there
 * are none left, after another it closes them; each time it says so.
 */
import { createServer } from "node:net";
import { keepListening, listen } from "../../../src/fed/wire/listener.ts";

const server = createServer((socket) => socket.end("hello"));
console.log(await listen(server, { host: "127.0.0.1", port: 0 }));
keepListening(server);
const files: Deno.FsFile[] = [];
const line = new Uint8Array(16);
await Deno.stdin.read(line);
try {
  for (;;) files.push(Deno.openSync("/dev/null"));
} catch {
  console.log("none left");
}
await Deno.stdin.read(line);
for (const file of files) file.close();
console.log("closed");
