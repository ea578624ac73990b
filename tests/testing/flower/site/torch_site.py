"""A site of the tests that trains: the functions of docs/flower.md, which a test writes to a folder as my_site.py.

A node's configuration names that folder (folder), where films.csv lies too, and the packages of a Python that has
torch and torchvision (packages), which is not the one that has Flower.
"""

import sys

import numpy as np

RECIPE = '{"weightDecay": 0.0001, "amsgrad": true, "clip": {"after": 3}}'
BATCH = 11
CONFIG = {"server-round": 1, "size": 64, "mean": [0.449], "deviation": [0.226], "seed": 0, "batch-size": BATCH}


def functions(node):
    """The page's module, with the films of this site."""
    for folder in (node["folder"], node["packages"]):
        if folder not in sys.path:
            sys.path.append(folder)
    import my_site

    my_site.FILMS = node["folder"] + "/films.csv"
    return my_site


def exact(arrays):
    """The element types of a model: FedAvg's means of counters are no whole numbers."""
    return {
        name: np.asarray(array).astype(np.int64 if name.endswith("num_batches_tracked") else np.float32)
        for name, array in arrays.items()
    }


def train(arrays, node, lr):
    """One pass at half the rate that the server tells, which is the mean of a cosine to 0: arrays, loss, films."""
    site = functions(node)
    with open(site.FILMS, encoding="utf-8") as file:
        films = sum(line.rstrip().endswith(",train") for line in file)
    config = {**CONFIG, "lr": lr / 2, "steps": films // BATCH, "recipe": RECIPE}
    trained, metrics = site.train(exact(arrays), config)
    return {name: np.asarray(array, order="C") for name, array in trained.items()}, 0.0, metrics["num-examples"]


def evaluate(arrays, node):
    """Loss, AUROC and films of val; the apps tell the AUROC as an accuracy too, which it has no other figure for."""
    metrics = functions(node).evaluate(exact(arrays), {**CONFIG, "split": "val"})
    return metrics["loss"], metrics["auroc"], metrics["num-examples"]
