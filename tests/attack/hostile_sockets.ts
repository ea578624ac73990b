/**
 * Strangers who hold on to a port, as a program: `hostile_sockets.ts PORT COUNT`. It prints a line once it has tried
 * each of them, and goes on until it is killed: who is thrown out comes back at once.
 */
const [port, count] = Deno.args.map(Number);
/** The first bytes of a TLS ClientHello of 512 bytes; the rest of it never comes, or a part of it. */
const HALF = Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3);

const pause = (seconds: number) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

const WAYS: readonly ((socket: Deno.Conn) => Promise<void>)[] = [
  async function silent() {},
  async function half(socket) {
    await socket.write(HALF);
  },
  async function talking(socket) {
    await socket.write(Uint8Array.of(...HALF, ...new Uint8Array(300)));
  },
  async function trickling(socket) {
    for (const byte of HALF) {
      await socket.write(Uint8Array.of(byte));
      await pause(1);
    }
  },
];

let tried = 0;
async function stranger(index: number): Promise<void> {
  for (let first = true;; first = false) {
    const socket = await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => null);
    if (first && ++tried === count) console.log("tried");
    if (socket === null) {
      await pause(0.1);
      continue;
    }
    WAYS[index % WAYS.length](socket).catch(() => {});
    while (await socket.read(new Uint8Array(64)).catch(() => null) !== null);
    socket.close();
  }
}

await Promise.all(Array.from({ length: count }, (_, index) => stranger(index)));
