"""Scores all films of a shard with torchvision and compares with the CSV of `fedx predict --shard`:
prints films and the largest |difference| / max(1, |logit|); exit 1 above 1e-4. Usage: score_shard.py MODEL SHARD CSV"""
import csv, json, sys
import numpy as np, torch
from load_model import load

model, shard, scores = sys.argv[1:]
channels, net = load(model)
size = json.load(open(f"{shard}/manifest.json"))["size"]
films = torch.from_numpy(np.fromfile(f"{shard}/images.u8", np.uint8).reshape(-1, 1, size, size).copy())
shape = (1, channels, 1, 1)
mean = torch.tensor([.449] if channels == 1 else [.485, .456, .406]).reshape(shape)
deviation = torch.tensor([.226] if channels == 1 else [.229, .224, .225]).reshape(shape)
with torch.no_grad():
    net.eval()
    batches = ((part.float() / 255 - mean) / deviation for part in films.split(64))
    logits = torch.cat([net(x).flatten() for x in batches]).numpy()
fedx = np.array([float(row["logit"]) for row in csv.DictReader(open(scores))])
worst = float(np.max(np.abs(fedx - logits) / np.maximum(1, np.abs(logits))))
print(json.dumps({"films": len(fedx), "worst": worst}))
sys.exit(0 if len(fedx) == len(films) and worst <= 1e-4 else 1)
