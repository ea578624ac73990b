"""Golden augmentation: torchvision's rotate (bilinear, black outside), hflip, adjust_brightness and adjust_contrast in float64, in this order.

Writes augment.f32: for each of CASES and 8 noise films of 32 px, 256 probes of each channel of the network's input, pixel 37·j mod 1024.
The random numbers are Philox's. Ours differs from RandomRotation and ColorJitter on purpose: bilinear, not nearest; brightness before contrast,
not shuffled; no rounding to u8 between the steps; the edge fades to black once (torchvision's `fill=0` multiplies it by its mask again).
A positive angle turns clockwise, torchvision's counter-clockwise: the draw is symmetric.
"""
import os
import numpy as np, torch
from torchvision.transforms.functional import InterpolationMode, adjust_brightness, adjust_contrast, hflip, rotate
from philox import PURPOSE, uniforms
from train import SEED, SILO, pixels

IMAGES, SIZE, STEP = 8, 32, 3
# (rotation, brightness, contrast, means, deviations): the deck's, and one that reaches both ends of the scale, with three channels
CASES = [(10, .1, .1, [.449], [.226]), (180, 1, 1, [.485, .456, .406], [.229, .224, .225])]

out = []
for rotation, brightness, contrast, means, deviations in CASES:
    for i, film in enumerate(pixels(IMAGES, SIZE)):
        u = [float(x) for x in uniforms(SEED, SILO, PURPOSE["augment"], 4, step=STEP, position=i)]
        image = torch.from_numpy(film / 255.0)[None]
        image = rotate(image, -(2 * u[1] - 1) * rotation, InterpolationMode.BILINEAR)
        if u[0] < .5: image = hflip(image)
        image = adjust_brightness(image, 1 + (2 * u[2] - 1) * brightness)
        image = adjust_contrast(image, 1 + (2 * u[3] - 1) * contrast)[0].reshape(-1)
        probes = image[[37 * j % SIZE**2 for j in range(256)]]
        out += [((probes - mean) / deviation).numpy() for mean, deviation in zip(means, deviations)]
np.concatenate(out).astype("<f4").tofile(os.path.join(os.path.dirname(os.path.abspath(__file__)), "augment.f32"))
