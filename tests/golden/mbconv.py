"""Golden blocks: four of torchvision's EfficientNet-B0 in evaluation mode, Philox weights (train.py), float64 arithmetic.

Writes mbconv.json: per block its torchvision name, input shape (N, C, H, W; values 2u − 1), output shape, the output's norm and 64 probes,
element j·length/64 in NCHW order.
"""
import json, os
import numpy as np, torch
from philox import PURPOSE, uniforms
from networks import network
from train import SEED, SILO, fill

BLOCKS = [("features.1.0", (2, 32, 6, 6)), ("features.2.0", (2, 16, 8, 8)), ("features.3.1", (2, 40, 5, 7)), ("features.6.0", (2, 112, 9, 6))]

model = network()
fill(model)
model = model.double().eval()
golden = []
for name, shape in BLOCKS:
    u = uniforms(SEED, SILO, PURPOSE["measure"], int(np.prod(shape))).astype(np.float64)
    with torch.no_grad(): y = model.get_submodule(name)(torch.from_numpy(2 * u - 1).reshape(shape))
    flat = y.reshape(-1).numpy()
    probes = [round(float(flat[j * len(flat) // 64]), 7) for j in range(64)]
    golden.append(dict(name=name, input=shape, output=list(y.shape), norm=round(float(np.linalg.norm(flat)), 6), probes=probes))
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "mbconv.json"), "w") as file:
    file.write(json.dumps(golden, indent=2) + "\n")
