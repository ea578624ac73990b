"""Golden logits: torchvision's EfficientNet-B0 in evaluation mode, Philox weights and pixels (train.py), float64 arithmetic.

Writes logits.json: for 1 and 3 channels, 8 films of 64 px. With two paths as arguments, saves a random torchvision file there instead
(zip format, then the older one) and prints {"logits": […]} of the same films: 1 channel, size 64.
"""
import json, os, sys
import torch
from train import fill, network, pixels

FILMS, SIZE = 8, 64
NORMAL = {1: ([0.449], [0.226]), 3: ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])}

def logits(model, channels):
    mean, deviation = (torch.tensor(v, dtype=torch.float64).reshape(1, -1, 1, 1) for v in NORMAL[channels])
    x = torch.from_numpy(pixels(FILMS, SIZE) / 255.0)[:, None].expand(-1, channels, -1, -1)
    with torch.no_grad(): return model.double().eval()((x - mean) / deviation)[:, 0].tolist()

if len(sys.argv) > 1:
    torch.manual_seed(5)
    model = network()
    for path, zipped in zip(sys.argv[1:], (True, False)): torch.save(model.state_dict(), path, _use_new_zipfile_serialization=zipped)
    print(json.dumps(dict(logits=logits(model, 1))))
else:
    result = {}
    for channels in (1, 3):
        model = network(channels)
        fill(model)
        result[str(channels)] = [round(z, 7) for z in logits(model, channels)]
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "logits.json"), "w") as file:
        file.write(json.dumps(result, indent=2) + "\n")
