"""The files that a run reads and writes, which the tests name in its configuration.

Both apps hold this file, because Flower bundles one folder and nothing beside it.
"""

import json

import numpy as np


def first_arrays(config) -> dict[str, np.ndarray]:
    """The arrays that the first round begins with, in the order of their file."""
    if config["initial-arrays"]:
        with np.load(config["initial-arrays"]) as stored:
            return {name: stored[name] for name in stored.files}
    if config["array-shapes"]:
        with open(config["array-shapes"], encoding="utf-8") as file:
            return {one["name"]: np.zeros(one["shape"], one["dtype"]) for one in json.load(file)}
    raise ValueError("Cannot begin: expected initial-arrays or array-shapes in the run's config, got neither")


def write_arrays(config, arrays: dict[str, np.ndarray]) -> None:
    """Writes the arrays where the run wants them, if it does."""
    if config["final-arrays"]:
        np.savez(config["final-arrays"], **arrays)


def write_metrics(config, train: dict[int, dict], evaluate: dict[int, dict]) -> None:
    """Writes round -> name -> value of both phases where the run wants them, if it does."""
    if config["metrics"]:
        with open(config["metrics"], "w", encoding="utf-8") as file:
            json.dump({"train": train, "evaluate": evaluate}, file)


def told(config) -> dict[str, float | int]:
    """What the server tells its clients with every instruction to train."""
    epochs = {"local-epochs": int(config["local-epochs"])} if config["send-local-epochs"] else {}
    return {"lr": float(config["learning-rate"]), **epochs}
