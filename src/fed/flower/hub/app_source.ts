/**
 * The app that SuperNodes run in our rounds, in Python: it calls functions of the site's own and changes nothing of what they
 * take and give.
 */
export const APP = { publisher: "fedx", name: "fedx-site", version: "1.0.0", module: "fedx_site" } as const;

/** Files of the app by their paths. */
export const APP_FILES: Readonly<Record<string, string>> = {
  "pyproject.toml": `[project]
name = "${APP.name}"
version = "${APP.version}"
description = "Calls a site's own training in a fedx run."
license = "Apache-2.0"
dependencies = []

[tool.flwr.app]
publisher = "${APP.publisher}"

[tool.flwr.app.components]
serverapp = "${APP.module}.client_app:app"
clientapp = "${APP.module}.client_app:app"

[tool.flwr.app.config]
`,
  [`${APP.module}/__init__.py`]: "",
  [`${APP.module}/client_app.py`]: `"""Calls a site's own training in a fedx run.

The site names its functions: flower-supernode --node-config 'train="my_site:train" evaluate="my_site:evaluate"'.
train(arrays, config) gives (arrays, metrics), evaluate(arrays, config) gives metrics. Arrays are numpy's by the names of
torchvision's state_dict; metrics are numbers by name.
"""

import importlib

import numpy as np
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

app = ClientApp()


def own(context: Context, name: str):
    """The site's function."""
    path = context.node_config.get(name)
    if path is None:
        raise RuntimeError(f"the SuperNode's --node-config names no {name} function: {name}=\\"module:function\\"")
    module, _, function = str(path).partition(":")
    return getattr(importlib.import_module(module), function)


def asked(message: Message):
    """What the function is called with."""
    arrays = {name: np.asarray(array.numpy()) for name, array in message.content["arrays"].items()}
    return arrays, dict(message.content["config"])


def answer(message: Message, records: dict) -> Message:
    return Message(content=RecordDict(records), reply_to=message)


@app.train()
def train(message: Message, context: Context) -> Message:
    arrays, metrics = own(context, "train")(*asked(message))
    record = ArrayRecord({name: Array(np.asarray(array, order="C")) for name, array in arrays.items()})
    return answer(message, {"arrays": record, "metrics": MetricRecord(metrics)})


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    return answer(message, {"metrics": MetricRecord(own(context, "evaluate")(*asked(message)))})
`,
};
