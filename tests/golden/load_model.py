"""Loads a fedx model into torchvision's network (strict); run as a program, prints the SHA-256 of its flat f32 vector."""
import hashlib, json, struct, sys
import numpy as np, torch
from networks import network

def read(path):
    raw = open(path, "rb").read()
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + size])
    fedx = json.loads(header.pop("__metadata__")["fedx"])
    kinds = {"F32": np.float32, "I64": np.int64}
    def tensor(entry):
        begin, end = (8 + size + o for o in entry["data_offsets"])
        return torch.from_numpy(np.frombuffer(raw[begin:end], kinds[entry["dtype"]]).reshape(entry["shape"]).copy())
    return fedx["network"], fedx["channels"], {name: tensor(entry) for name, entry in header.items()}

def load(path):
    name, channels, state = read(path)
    net = network(name, channels)
    net.load_state_dict(state, strict=True)
    return channels, net

if __name__ == "__main__":
    _, net = load(sys.argv[1])
    own = [(k, v) for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")]
    flat = [v for k, v in own if "running_" not in k] + [v for k, v in own if "running_" in k]
    print(hashlib.sha256(b"".join(v.numpy().tobytes() for v in flat)).hexdigest())
