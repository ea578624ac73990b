"""Golden logits: torchvision's networks in evaluation mode, Philox weights and pixels (train.py), float64 arithmetic.

Writes logits.json: by network, for 1 and 3 channels, 8 films of 64 px. With a network and two paths as arguments, saves a random torchvision
file there instead (zip format, then the older one) and prints {"logits": […]} of the same films: 1 channel, size 64.
"""
import json, os, sys
import torch
from networks import STEM, network
from train import fill, pixels

FILMS, SIZE = 8, 64
NORMAL = {1: ([0.449], [0.226]), 3: ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])}

def logits(model, channels):
    mean, deviation = (torch.tensor(v, dtype=torch.float64).reshape(1, -1, 1, 1) for v in NORMAL[channels])
    x = torch.from_numpy(pixels(FILMS, SIZE) / 255.0)[:, None].expand(-1, channels, -1, -1)
    with torch.no_grad(): return model.double().eval()((x - mean) / deviation)[:, 0].tolist()

if len(sys.argv) > 1:
    torch.manual_seed(5)
    model = network(sys.argv[1])
    for path, zipped in zip(sys.argv[2:], (True, False)): torch.save(model.state_dict(), path, _use_new_zipfile_serialization=zipped)
    print(json.dumps(dict(logits=logits(model, 1))))
else:
    result = {name: {} for name in STEM}
    for name in STEM:
        for channels in (1, 3):
            model = network(name, channels)
            fill(model)
            result[name][str(channels)] = [round(z, 7) for z in logits(model, channels)]
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "logits.json"), "w") as file:
        file.write(json.dumps(result, indent=2) + "\n")
