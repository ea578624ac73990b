"""A client of Flower's Message API that trains nothing: it adds a constant, so that the average is known.

A node's own configuration may say other values: added (default 1.0) and num-examples (default 10). Where it names a
module as site, that module's train and evaluate do the work.
"""

import importlib

import numpy as np
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

app = ClientApp()


def received(message: Message) -> dict[str, np.ndarray]:
    """The arrays of an instruction."""
    return {name: np.asarray(array.numpy()) for name, array in message.content["arrays"].items()}


def mean(arrays: dict[str, np.ndarray]) -> float:
    """The mean of all elements, which stands for a loss; arrays without a shape are counters."""
    weights = [array for array in arrays.values() if array.ndim > 0]
    return float(sum(array.sum() for array in weights) / sum(array.size for array in weights))


def replied(metrics: dict, message: Message, arrays: dict[str, np.ndarray] | None = None) -> Message:
    """A reply with metrics, and the arrays that were trained."""
    records = {"metrics": MetricRecord(metrics)}
    if arrays is not None:
        records["arrays"] = ArrayRecord({name: Array(array) for name, array in arrays.items()})
    return Message(content=RecordDict(records), reply_to=message)


@app.train()
def train(message: Message, context: Context) -> Message:
    """Adds the constant to every array and keeps its type."""
    if "site" in context.node_config:
        site = importlib.import_module(context.node_config["site"])
        lr = message.content["config"]["lr"]
        arrays, loss, films = site.train(received(message), context.node_config, lr)
        return replied({"train_loss": loss, "num-examples": films}, message, arrays)
    added = float(context.node_config.get("added", 1.0))
    arrays = {
        name: np.asarray(array + added).astype(array.dtype) for name, array in received(message).items()
    }
    metrics = {"train_loss": mean(arrays), "num-examples": int(context.node_config.get("num-examples", 10))}
    return replied(metrics, message, arrays)


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    """Says the mean of what it received."""
    if "site" in context.node_config:
        site = importlib.import_module(context.node_config["site"])
        loss, auroc, films = site.evaluate(received(message), context.node_config)
        return replied({"eval_loss": loss, "eval_acc": auroc, "num-examples": films}, message)
    examples = int(context.node_config.get("num-examples", 10))
    metrics = {"eval_loss": mean(received(message)), "eval_acc": 0.5, "num-examples": examples}
    return replied(metrics, message)
