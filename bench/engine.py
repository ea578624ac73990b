"""The baseline of engine.ts: PyTorch doing the same work. Reads "train N" or "predict N" lines, answers {"wall", "cpu"} in seconds.

EfficientNet-B0, one grey channel, channels_last, fp32, torchvision's dropout and stochastic depth, focal loss, clip, fused AdamW with AMSGrad.
Arguments: threads, size, batch, predict batch. The first line says versions.
"""
import json, sys, time
import torch, torchvision

threads, size, batch, predict_batch = map(int, sys.argv[1:])
torch.set_num_threads(threads)
model = torchvision.models.efficientnet_b0(num_classes=1)
model.features[0][0] = torch.nn.Conv2d(1, 32, 3, 2, 1, bias=False)
model = model.to(memory_format=torch.channels_last)
x, films = (torch.randn(n, 1, size, size).to(memory_format=torch.channels_last) for n in (batch, predict_batch))
y = torch.arange(batch).remainder(2).float()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=1e-4, amsgrad=True, fused=True)

def train():
    model.train()
    z = model(x)[:, 0]
    p = torch.sigmoid(z)
    miss = torch.where(y > 0, 1 - p, p)
    loss = (miss ** 2 * torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="none")).mean()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 3.0)
    optimizer.step()

def predict():
    model.eval()
    with torch.inference_mode(): model(films)

print(json.dumps(dict(torch=torch.__version__, torchvision=torchvision.__version__, threads=torch.get_num_threads())), flush=True)
for line in sys.stdin:
    what, count = line.split()
    work = train if what == "train" else predict
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(int(count)): work()
    print(json.dumps(dict(wall=time.perf_counter() - wall, cpu=time.process_time() - cpu)), flush=True)
