"""Philox4x32-10 in numpy: the reference of native/engine/philox.h and src/model/philox.ts.

Run it to write philox.json beside it, then deno fmt."""
import json, os, sys
import numpy as np

PURPOSE = dict(init=1, shuffle=2, dropout=3, depth=4, augment=5, bootstrap=6, phantom=7, measure=8)
M0, M1, LOW = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57), np.uint64(0xFFFFFFFF)

def philox(counter, key):  # counter (4, n), key (2,) -> (4, n), all u32 held in u64
    c, k = np.array(counter, np.uint64), [int(key[0]), int(key[1])]
    for _ in range(10):
        p0, p1 = M0 * c[0], M1 * c[2]
        c = np.stack([(p1 >> np.uint64(32)) ^ c[1] ^ np.uint64(k[0]), p1 & LOW,
                      (p0 >> np.uint64(32)) ^ c[3] ^ np.uint64(k[1]), p0 & LOW])
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c

def words(seed, silo, purpose, count, index=0, step=0, position=0):  # -> (count,) u32
    blocks = np.arange((count + 3) // 4, dtype=np.uint64)
    rest = [np.full_like(blocks, v) for v in (position, step, (purpose << 16) | index)]
    return philox([blocks, *rest], (seed, silo)).T.reshape(-1)[:count].astype(np.uint32)

def uniforms(*args, **named):  # -> (count,) f32 in [0, 1)
    return ((words(*args, **named) >> np.uint32(8)) * np.float64(2.0**-24)).astype(np.float32)

if __name__ == "__main__":  # 20 vectors: known answers of the Random123 paper first, then random counters and keys
    r, f = np.random.RandomState(1), 0xFFFFFFFF
    cases = [([0] * 4, [0] * 2), ([f] * 4, [f] * 2), ([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0])]
    cases += [([int(x) for x in r.randint(0, 2**32, 4, np.uint64)], [int(x) for x in r.randint(0, 2**32, 2, np.uint64)]) for _ in range(17)]
    rows = [dict(counter=c, key=k, out=[int(x) for x in philox(np.array(c, np.uint64)[:, None], k)[:, 0]]) for c, k in cases]
    with open(os.path.join(os.path.dirname(sys.argv[0]), "philox.json"), "w") as file:
        file.write("[\n" + ",\n".join("  " + json.dumps(x) for x in rows) + "\n]\n")
