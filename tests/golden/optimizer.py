"""Golden optimizer run: torch.optim.AdamW (AMSGrad) with clip, LR groups and the deck's schedule, fp32, 4,096 values, 50 steps.

Gradients are Philox numbers, so nothing is stored but optimizer.f32: lr factor, clip norm, gradient norm (50 each), then the 4,096 values.
"""
import os
import numpy as np, torch
from philox import PURPOSE, uniforms
from train import schedule

VALUES, STEPS, SEED = 4096, 50, 11
SPANS = [(0, 1024, 12.0), (1024, 2048, 2.5), (2048, 4096, 0.12)]

def signed(purpose, step): return 2 * uniforms(SEED, 0, PURPOSE[purpose], VALUES, step=step) - np.float32(1)

theta = torch.from_numpy(signed("init", 0).copy())
parts = [theta[a:b].clone().requires_grad_() for a, b, _ in SPANS]
optimizer = torch.optim.AdamW([dict(params=[p], factor=f) for p, (_, _, f) in zip(parts, SPANS)], weight_decay=1e-4, amsgrad=True, foreach=False)
head = []
for t in range(STEPS):
    factor, clip = schedule(t, STEPS)
    gradient = torch.from_numpy(signed("measure", t) * np.float32(2.0 ** -(t % 8)))
    for group, part, (a, b, _) in zip(optimizer.param_groups, parts, SPANS):
        group["lr"] = 1e-3 * factor * group["factor"]
        part.grad = gradient[a:b].clone()
    norm = torch.nn.utils.clip_grad_norm_(parts, clip)
    optimizer.step()
    head.append((factor, clip, norm.item()))
out = np.concatenate([np.array(head).T.reshape(-1), *[p.detach().numpy() for p in parts]])
out.astype("<f4").tofile(os.path.join(os.path.dirname(os.path.abspath(__file__)), "optimizer.f32"))
