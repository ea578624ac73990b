"""A NumPyClient that trains nothing: it adds a constant, so that the average is known.

A node's own configuration may say other values: added (default 1.0) and num-examples (default 10). Where it names a
module as site, that module's train and evaluate do the work.
"""

import importlib

import numpy as np
from flwr.app import Context
from flwr.client import Client, NumPyClient
from flwr.clientapp import ClientApp

from fedx_numpy.files import first_arrays


def mean(arrays: list[np.ndarray]) -> float:
    """The mean of all elements, which stands for a loss; arrays without a shape are counters."""
    weights = [array for array in arrays if array.ndim > 0]
    return float(sum(array.sum() for array in weights) / sum(array.size for array in weights))


class Adder(NumPyClient):
    """Adds its constant to every array and keeps the type."""

    def __init__(self, context: Context) -> None:
        self.run_config = context.run_config
        self.node_config = context.node_config
        site = context.node_config.get("site")
        self.site = importlib.import_module(site) if site else None
        self.added = float(context.node_config.get("added", 1.0))
        self.examples = int(context.node_config.get("num-examples", 10))

    def get_parameters(self, config):
        """The first arrays, where the run asks a node for them."""
        return list(first_arrays(self.run_config).values())

    def named(self, parameters):
        """Parameters by the names that the run's first arrays have."""
        return dict(zip(first_arrays(self.run_config), parameters, strict=True))

    def fit(self, parameters, config):
        """Adds the constant."""
        if self.site:
            arrays, _, films = self.site.train(self.named(parameters), self.node_config, config["lr"])
            return list(arrays.values()), films, {}
        arrays = [np.asarray(array + self.added).astype(array.dtype) for array in parameters]
        return arrays, self.examples, {"train_loss": mean(arrays)}

    def evaluate(self, parameters, config):
        """Says the mean of what it received."""
        if self.site:
            loss, auroc, films = self.site.evaluate(self.named(parameters), self.node_config)
            return loss, films, {"accuracy": auroc, "auroc": auroc}
        return mean(parameters), self.examples, {"accuracy": 0.5}


def client_fn(context: Context) -> Client:
    """One client for a message."""
    return Adder(context).to_client()


app = ClientApp(client_fn=client_fn)
