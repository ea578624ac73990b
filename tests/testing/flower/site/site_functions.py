"""What a site's operator writes, for tests: it adds a constant, so that the sum is known, and scores always the same."""

import numpy as np

FILMS = 32


def train(arrays, config):
    """Adds to every weight what the node's round says; counters stay."""
    added = 0.001 * config["server-round"]
    changed = {
        name: (array + added).astype(array.dtype) if array.dtype.kind == "f" else array
        for name, array in arrays.items()
    }
    assert config["batch-size"] * config["steps"] <= FILMS
    return changed, {"num-examples": FILMS}


def evaluate(arrays, config):
    """Figures that are always the same."""
    assert config["split"] in ("val", "test") and all(np.isfinite(array).all() for array in arrays.values())
    return {"num-examples": 40, "positives": 20, "auroc": 0.75, "loss": 0.5}
