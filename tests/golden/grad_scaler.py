"""Golden loss-scaling run: torch.amp.GradScaler on the CPU over AdamW (AMSGrad) with clip, fp32, 4,096 values, 40 steps, some with an inf or a NaN.

Gradients are Philox numbers, so nothing is stored but grad_scaler.f32: the scale after each step, 1 where the step was skipped (40 each), the values.
"""
import os
import numpy as np, torch
from philox import PURPOSE, uniforms

VALUES, STEPS, SEED, INTERVAL = 4096, 40, 13, 5
BROKEN = {3: np.inf, 4: np.nan, 11: -np.inf, 30: np.nan}  # step → what stands in place of the gradient's value 100 + step

def signed(purpose, step): return 2 * uniforms(SEED, 0, PURPOSE[purpose], VALUES, step=step) - np.float32(1)

theta = torch.from_numpy(signed("init", 0).copy()).requires_grad_()
optimizer = torch.optim.AdamW([theta], lr=1e-3, weight_decay=1e-4, amsgrad=True, foreach=False)
scaler = torch.amp.GradScaler("cpu", init_scale=65536.0, growth_factor=2.0, backoff_factor=0.5, growth_interval=INTERVAL)
scaler.scale(torch.ones(()))  # makes the scale tensor
scales, skipped = [], []
for t in range(STEPS):
    gradient = signed("measure", t)
    if t in BROKEN: gradient[100 + t] = BROKEN[t]
    before = theta.detach().clone()
    theta.grad = torch.from_numpy(gradient) * scaler._scale
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_([theta], 3.0)
    scaler.step(optimizer)
    scaler.update()
    scales.append(scaler.get_scale())
    skipped.append(float(torch.equal(before, theta.detach())))
out = np.concatenate([scales, skipped, theta.detach().numpy()])
out.astype("<f4").tofile(os.path.join(os.path.dirname(os.path.abspath(__file__)), "grad_scaler.f32"))
