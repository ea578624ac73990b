"""Masked sums by a second hand, in Python's cryptography and numpy: rosterDigest, keys, masks and y bit for bit.

    python masks.py              writes masks.json beside it; then deno fmt
    python masks.py check FILE   says whether the y files of a run are what they must be; exit 1 if one is not

FILE is JSON, in the roster's order throughout: plan and row (SHA-256 hex), readies (their bodies), numbers (in the
proposal's order, from 1), privateKeys (hex, PKCS#8 or the 32 raw bytes), examples, scale {weights, statistics}, layout
{weights, length}, deltas (paths of f32 files, null for a silo without steps), ys (paths). Paths are from FILE's folder."""
import hashlib, json, os, sys
import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import load_der_private_key

PKCS8 = bytes.fromhex("302e020100300506032b656e04220420")  # RFC 8410, before the 32 raw bytes

def sha256(data): return hashlib.sha256(data).hexdigest()

def canonical(value):  # RFC 8785: of ASCII texts and integers it is this
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

def private_key(text):
    raw = bytes.fromhex(text)
    return X25519PrivateKey.from_private_bytes(raw) if len(raw) == 32 else load_der_private_key(raw, None)

def public_hex(key): return key.public_key().public_bytes_raw().hex()

def mask_key(key, public, case):
    info = b"fedx mask 1" + bytes.fromhex(case["row"]) + bytes.fromhex(sha256(canonical(case["readies"])))
    secret = key.exchange(X25519PublicKey.from_public_bytes(bytes.fromhex(public)))
    return HKDF(SHA256(), 32, bytes.fromhex(case["plan"]), info).derive(secret)

def mask(key, length):  # -> (length,) u64
    stream = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
    return np.frombuffer(stream.update(bytes(8 * length)), "<u8")

def fixed_point(delta, examples, scale, layout):  # (n) f32 -> n·q mod 2^64, (n) u64
    exponents = np.where(np.arange(len(delta)) < layout["weights"], scale["weights"], scale["statistics"])
    q = np.rint(delta.astype(np.float64) * 2.0 ** exponents).astype(np.int64)  # rint is half-even
    return q.view(np.uint64) * np.uint64(examples)

def masked(case, k, delta, key):  # the y of the roster's member k, (n) u64
    y = np.zeros(case["layout"]["length"], np.uint64)
    if delta is not None: y += fixed_point(delta, case["examples"][k], case["scale"], case["layout"])
    for j, ready in enumerate(case["readies"]):
        if j == k: continue
        stream = mask(mask_key(key, ready["publicKey"], case), len(y))
        y = y + stream if case["numbers"][k] < case["numbers"][j] else y - stream
    return y

def check(file):
    with open(file) as opened: case = json.load(opened)
    path = lambda name: os.path.join(os.path.dirname(os.path.abspath(file)), name)
    wrong, total = 0, np.zeros(case["layout"]["length"], np.uint64)
    plain = np.zeros_like(total)
    print("rosterDigest", sha256(canonical(case["readies"])))
    for k, ready in enumerate(case["readies"]):
        key, name = private_key(case["privateKeys"][k]), ready["silo"]
        delta = None if case["deltas"][k] is None else np.fromfile(path(case["deltas"][k]), "<f4")
        got = np.fromfile(path(case["ys"][k]), "<u8")
        faults = []
        if public_hex(key) != ready["publicKey"]: faults.append("the private key is not that of its ready")
        if (ready["plan"], ready["row"]) != (case["plan"], case["row"]): faults.append("its ready is for another row")
        if ready["examples"] != case["examples"][k]: faults.append("its ready says other examples")
        if len(got) != len(total): faults.append(f"{len(got)} values of {len(total)}")
        else:
            total += got
            if delta is not None: plain += fixed_point(delta, ready["examples"], case["scale"], case["layout"])
            if not np.array_equal(got, masked(case, k, delta, key)): faults.append("y differs")
            if np.array_equal(got, masked(case, k, delta, X25519PrivateKey.generate())):
                faults.append("y is the same with another private key")
        print(f"{name}: {'; '.join(faults) or 'as it must be'}, SHA-256 of y {sha256(got.tobytes())}")
        wrong += len(faults)
    if not np.array_equal(total, plain): wrong += 1
    print("the sum of all y", "is" if np.array_equal(total, plain) else "IS NOT", "the sum of all n·q")
    return wrong

# What masks.json is made of; tests/testing/masked_updates.ts makes the same deltas.
LAYOUT = dict(weights=200_001, length=300_001)  # three stretches, an odd border, an odd end
EXAMPLES = [2**20, 1500, 700, 33]               # the first passes 2^53 with n·q
SCALE = dict(weights=32, statistics=20)

def golden_delta(k):  # ties at every third value, large ones at every seventh
    i = np.arange(LAYOUT["length"])
    half = np.where(i < LAYOUT["weights"], 2.0**-33, 2.0**-21)
    small = ((i * (k + 7)) % 65_521 - 32_760) * 2.0**-24
    return np.where(i % 3 == 0, (i % 4001 - 2000) * half, np.where(i % 7 == 0, small * 2.0**18, small)).astype(np.float32)

def golden():
    keys = [sha256(f"private key {k}".encode()) for k in range(4)]
    readies = [dict(type="fedx ready", version=1, run=sha256(b"run")[:32], plan=sha256(b"plan"), row=sha256(b"row"),
                    silo=name, publicKey=public_hex(private_key(key)), examples=n, nonce=sha256(name.encode())[:32])
               for name, key, n in zip(["north", "east", "South-2", "west"], keys, EXAMPLES)]
    case = dict(plan=sha256(b"plan"), row=sha256(b"row"), readies=readies, numbers=[1, 2, 4, 7], examples=EXAMPLES,
                scale=SCALE, layout=LAYOUT)
    case["privateKeys"] = [(PKCS8 + bytes.fromhex(key)).hex() for key in keys]
    case["rosterDigest"] = sha256(canonical(readies))
    deltas = [None if k == 2 else golden_delta(k) for k in range(4)]
    ys = [masked(case, k, deltas[k], private_key(keys[k])) for k in range(4)]
    first = mask(mask_key(private_key(keys[0]), readies[1]["publicKey"], case), LAYOUT["length"])
    case["mask"] = dict(first=first[:4].tobytes().hex(), sha256=sha256(first.tobytes()))
    case["deltas"] = [None if delta is None else sha256(delta.tobytes()) for delta in deltas]
    case["ys"] = [dict(first=y[:4].tobytes().hex(), sha256=sha256(y.tobytes())) for y in ys]
    other = masked(case, 0, deltas[0], private_key(sha256(b"another")))
    case["otherKey"] = dict(privateKey=(PKCS8 + bytes.fromhex(sha256(b"another"))).hex(), sha256=sha256(other.tobytes()))
    return case

if __name__ == "__main__":
    if sys.argv[1:2] == ["check"]: sys.exit(1 if check(sys.argv[2]) else 0)
    with open(os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "masks.json"), "w") as file:
        json.dump(golden(), file)
