"""Golden training runs: torchvision's networks in float64, 32 px, batch 4, 5 steps of the `deck` recipe without augmentation.

Writes train_NETWORK.f64 (little endian): lr factor, clip norm, loss, gradient norm (5 each), then per tensor in layout order its norm and P probes,
element j·length/P; P is 64, of DenseNet's many tensors 32. train_NETWORK_fixed.f64, with P = 8, is the same with BatchNorm's running statistics in
place of the batch's, which stay as they are. Start weights, pixels, dropout and stochastic-depth masks are Philox numbers, so native/tests/golden.h makes the same.
"""
import math, os
import numpy as np, torch
from networks import CLASSIFIER, STEM, network
from philox import PURPOSE, uniforms

SEED, SILO, SIZE, BATCH, STEPS, IMAGES = 7, 2, 32, 4, 5, 20
CLASS_WEIGHTS = (0.75, 1.5)

def ordered(model):  # [(name, tensor)] in layout order: weights, then statistics, each as in state_dict
    state = [(n, t) for n, t in model.state_dict(keep_vars=True).items() if not n.endswith("num_batches_tracked")]
    return [x for x in state if "running_" not in x[0]] + [x for x in state if "running_" in x[0]]

def fill(model, seed=SEED):  # deterministic start values, exact in float32
    for index, (name, tensor) in enumerate(ordered(model)):
        u = uniforms(seed, SILO, PURPOSE["init"], tensor.numel(), index=index).astype(np.float64)
        if tensor.dim() > 1: v = (2 * u - 1) * math.sqrt(6 / (tensor.numel() / tensor.shape[0]))
        elif name.endswith("running_var"): v = 0.5 + u
        elif name.endswith(".weight"): v = 0.8 + 0.4 * u
        else: v = 0.2 * (2 * u - 1)
        with torch.no_grad(): tensor.copy_(torch.from_numpy(v.astype(np.float32)).reshape(tensor.shape))

def pixels(count, size, seed=SEED):  # (count, size, size) u8: noise, film i the brighter the larger i
    rows = [uniforms(seed, SILO, PURPOSE["measure"], size * size, position=i).astype(np.float64) * 256 * ((i + 1) / count) for i in range(count)]
    return np.stack(rows).astype(np.uint8).reshape(count, size, size)

class Masks:  # what stands in for torchvision's Dropout and StochasticDepth, which EfficientNet alone has
    step = 0

class Dropout(torch.nn.Module):
    def forward(self, x):
        u = np.stack([uniforms(SEED, SILO, PURPOSE["dropout"], x.shape[1], step=Masks.step, position=i) for i in range(len(x))])
        return x * torch.from_numpy((u >= 0.2) / 0.8).to(x.dtype)

class Depth(torch.nn.Module):
    def __init__(self, layer): super().__init__(); self.layer, self.p = layer, 0.2 * layer / 16
    def forward(self, x):
        u = np.stack([uniforms(SEED, SILO, PURPOSE["depth"], 1, index=self.layer, step=Masks.step, position=i) for i in range(len(x))])
        return x * torch.from_numpy((u >= np.float32(self.p)) / (1 - self.p)).reshape(-1, 1, 1, 1).to(x.dtype)

def schedule(i, steps):  # the deck's: 15 % linear warm-up, cosine to .05; clip 3, then 1.5
    p = (i + 0.5) / steps
    lr = p / 0.15 if p < 0.15 else 0.05 + 0.95 * (1 + math.cos(math.pi * (p - 0.15) / 0.85)) / 2
    return float(np.float32(lr)), 3.0 if p < 0.15 else 1.5

def groups(model, name):
    named = list(model.named_parameters())
    pick = lambda f: [p for n, p in named if f(n)]
    head, stem = (lambda n: n.startswith(CLASSIFIER[name] + ".")), (lambda n: n == STEM[name] + ".weight")
    return [dict(params=pick(head), factor=12), dict(params=pick(stem), factor=2.5),
            dict(params=pick(lambda n: not head(n) and not stem(n)), factor=0.12)]

def mask(model):
    model.classifier[0] = Dropout()
    layer = 0
    for stage in model.features:
        for block in stage:
            if hasattr(block, "stochastic_depth"): block.stochastic_depth = Depth(layer); layer += 1

def train(name, fixed=False):
    model = network(name).double().train()
    if fixed:
        for part in model.modules():
            if isinstance(part, torch.nn.BatchNorm2d): part.eval()
    if name == "efficientnet_b0": mask(model)
    fill(model)
    images = torch.from_numpy(((pixels(IMAGES, SIZE) / 255 - 0.449) / 0.226)[:, None])
    labels = torch.tensor([(i * 7 % 5) % 2 for i in range(IMAGES)], dtype=torch.float64)
    optimizer = torch.optim.AdamW(groups(model, name), weight_decay=1e-4, amsgrad=True, foreach=False)
    head = []
    for k in range(STEPS):
        Masks.step = 100 + k
        factor, clip = schedule(k, STEPS)
        for group in optimizer.param_groups: group["lr"] = 1e-3 * factor * group["factor"]
        x, y = images[k * BATCH:][:BATCH], labels[k * BATCH:][:BATCH]
        optimizer.zero_grad()
        z = model(x)[:, 0]
        p = torch.sigmoid(z); pt = torch.where(y > 0, p, 1 - p)
        bce = torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="none")
        w = torch.where(y > 0, CLASS_WEIGHTS[1], CLASS_WEIGHTS[0]).double()
        loss = (w * (1 - pt) ** 2 * bce).mean()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        head.append((factor, clip, loss.item(), norm.item()))
    out = [np.array(head).T.reshape(-1)]
    probes = 8 if fixed else 32 if name == "densenet121" else 64
    for _, tensor in ordered(model):
        flat = tensor.detach().reshape(-1).numpy()
        out.append(np.concatenate([[np.linalg.norm(flat)], flat[[j * len(flat) // probes for j in range(probes)]]]))
    np.concatenate(out).astype("<f8").tofile(os.path.join(os.path.dirname(os.path.abspath(__file__)), f"train_{name}{'_fixed' if fixed else ''}.f64"))

if __name__ == "__main__":
    torch.set_num_threads(1)
    for name in STEM: train(name), train(name, fixed=True)
