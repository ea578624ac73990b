"""PyTorch doing the engine's work: torchvision's EfficientNet-B0 with one grey channel, channels_last, eager automatic mixed precision.

Films stay on the device as u8; each step gathers its batch and normalises it, as the engine does. Dropout, stochastic depth, focal loss,
clipping, fused AdamW with AMSGrad in three learning-rate groups, for fp16 with GradScaler. Nothing waits for the device but the end of a piece
(and of each call in inference, whose logits go to the host, as the engine's do).
"""
import torch, torchvision
from torch.nn.functional import binary_cross_entropy_with_logits

from shim import CLIP, DEVIATION, MEAN, RECIPE

LOWER = dict(fp16=torch.float16, bf16=torch.bfloat16, fp32=torch.float32)


class Training:
    def __init__(self, device, films, *, size, batch, precision, compiled=None):
        self.device, self.batch, self.n, self.size = device, batch, films.n, size
        self.autocast = torch.autocast(device, LOWER[precision], enabled=precision != "fp32")
        self.pixels = torch.frombuffer(bytearray(films.pixels), dtype=torch.uint8).view(-1, 1, size, size).to(device)
        self.labels = torch.frombuffer(bytearray(films.labels), dtype=torch.uint8).to(device).float()
        model = torchvision.models.efficientnet_b0(num_classes=1)
        model.features[0][0] = torch.nn.Conv2d(1, 32, 3, 2, 1, bias=False)
        self.parameters = model.to(device, memory_format=torch.channels_last).parameters
        self.optimizer = optimizer_of(model)
        self.scaler = torch.amp.GradScaler(device, enabled=precision == "fp16")
        self.model = torch.compile(model, backend=compiled) if compiled else model
        self.mode(model)

    def mode(self, model):
        model.train()

    def rows(self, count):
        rows = torch.arange(count).remainder(self.n)
        return rows.pin_memory().to(self.device, non_blocking=True) if self.device == "cuda" else rows

    def images(self, rows):
        x = self.pixels[rows].float().mul_(1 / (255 * DEVIATION)).sub_(MEAN / DEVIATION)
        return x.contiguous(memory_format=torch.channels_last)

    def step(self, rows):
        with self.autocast:
            z = self.model(self.images(rows))
        z, y = z[:, 0].float(), self.labels[rows]
        p = torch.sigmoid(z)
        miss = torch.where(y > 0, 1 - p, p)
        loss = (RECIPE["alpha"] * miss ** RECIPE["gamma"] * binary_cross_entropy_with_logits(z, y, reduction="none")).mean()
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters(), CLIP)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return torch.stack([loss.detach(), norm])

    def warm(self, steps):
        torch.backends.cudnn.benchmark = True  # cuDNN chooses kernels by timing in the first steps, as the engine's does
        self.work(steps)
        torch.backends.cudnn.benchmark = False

    def work(self, steps):
        rows = self.rows(steps * self.batch).view(steps, self.batch)
        results = torch.stack([self.step(rows[k]) for k in range(steps)]).cpu()
        expect_finite(results[:, 0])

    def close(self):
        self.model = self.parameters = self.optimizer = self.pixels = None


class Scoring(Training):
    def mode(self, model):
        model.eval()

    def warm(self, calls):
        self.work(calls)

    def work(self, calls):
        with torch.inference_mode():
            rows = self.rows(self.batch)
            for _ in range(calls):
                with self.autocast:
                    logits = self.model(self.images(rows))
                expect_finite(logits[:, 0].float().cpu())


def optimizer_of(model):
    lr, stem, head = RECIPE["lr"], [model.features[0][0].weight], list(model.classifier.parameters())
    named = {id(p) for p in stem + head}
    rest = [p for p in model.parameters() if id(p) not in named]
    factors = ("lr_stem", stem), ("lr_classifier", head), ("lr_backbone", rest)
    groups = [dict(params=params, lr=lr * RECIPE[name]) for name, params in factors]
    betas = (RECIPE["beta1"], RECIPE["beta2"])
    return torch.optim.AdamW(groups, betas=betas, eps=RECIPE["eps"], weight_decay=RECIPE["weight_decay"], amsgrad=True, fused=True)


def expect_finite(values):
    if not values.isfinite().all():
        raise RuntimeError("expected finite numbers, got NaN or infinity")
