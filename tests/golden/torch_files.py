"""Tiny files of torch.save for torch_file_test.ts, and reference losses: python tests/golden/torch_files.py, then deno fmt.

zip and legacy: a contiguous, a transposed, a sliced, a 0-d and a double tensor, a Parameter, and an int64 counter.
"""
import base64, collections, hashlib, io, json, os
import torch, torchvision
from networks import STEM, network

base = torch.arange(12, dtype=torch.float32)
state = collections.OrderedDict(
    plain=base.reshape(3, 4) / 8, turned=base.reshape(3, 4).T, sliced=base[2:11:3],
    scalar=torch.tensor(2.5), double=torch.tensor([0.1, -3.0], dtype=torch.float64),
    parameter=torch.nn.Parameter(torch.tensor([1.0, 2.0])), counter=torch.tensor(7))

class Evil:
    def __reduce__(self):
        return os.system, ("touch fedx-was-here",)

def saved(value, zipped=True):
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=zipped)
    return base64.b64encode(file.getvalue()).decode()

def layout(name, channels):
    tensors = [(k, v) for k, v in network(name, channels).state_dict().items() if not k.endswith("num_batches_tracked")]
    weights = [t for t in tensors if "running_" not in t[0]]
    rows, offset = [], 0
    for name, value in weights + [t for t in tensors if "running_" in t[0]]:
        rows.append([name, list(value.shape), offset])
        offset += value.numel()
    text = json.dumps(rows, separators=(",", ":"))
    return dict(weight_tensors=len(weights), tensors=len(rows), length=offset,
                weights=sum(v.numel() for _, v in weights), fingerprint=hashlib.sha256(text.encode()).hexdigest())

def focal(logits, labels, gamma, alpha, weights):
    z, y = torch.tensor(logits, dtype=torch.float64), torch.tensor(labels, dtype=torch.float64)
    bce = torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="none")
    w = torch.tensor(weights, dtype=torch.float64)[y.long()]
    return (w * alpha * (1 - torch.exp(-bce)) ** gamma * bce).mean().item()

logits, labels = [-30.0, -2.5, -0.1, 0.0, 0.7, 3.0, 25.0], [1, 0, 1, 1, 0, 1, 0]
losses = [dict(logits=logits, labels=labels, gamma=g, alpha=a, weights=w, loss=focal(logits, labels, g, a, w))
          for g, a, w in [(0, 1, [1, 1]), (2, 1, [0.75, 1.5]), (1.5, 0.25, [1, 2])]]
golden = dict(
    state={k: dict(shape=list(v.shape), data=v.float().flatten().tolist()) for k, v in state.items() if k != "counter"},
    zip=saved(state), legacy=saved(state, False), wrapped=saved(dict(state_dict=state)),
    evil_zip=saved(dict(w=Evil())), evil_legacy=saved(dict(w=Evil()), False),
    layout={name: {str(c): layout(name, c) for c in (1, 3)} for name in STEM}, losses=losses, versions=[torch.__version__, torchvision.__version__])
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch_files.json"), "w") as file:
    json.dump(golden, file, indent=2)
