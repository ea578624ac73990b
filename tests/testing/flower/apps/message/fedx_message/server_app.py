"""A server of Flower's Message API: federated averaging over rounds of train and evaluate."""

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Context
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

from fedx_message.files import first_arrays, told, write_arrays, write_metrics

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Runs every round and leaves its results in the files that the run names."""
    config = context.run_config
    nodes = int(config["min-nodes"])
    strategy = FedAvg(min_train_nodes=nodes, min_evaluate_nodes=nodes, min_available_nodes=nodes)
    result = strategy.start(
        grid=grid,
        initial_arrays=ArrayRecord({name: Array(value) for name, value in first_arrays(config).items()}),
        train_config=ConfigRecord(told(config)),
        num_rounds=int(config["num-server-rounds"]),
        timeout=float(config["round-timeout"]),
    )
    write_arrays(config, {name: np.asarray(array.numpy()) for name, array in result.arrays.items()})
    write_metrics(
        config,
        {number: dict(record) for number, record in result.train_metrics_clientapp.items()},
        {number: dict(record) for number, record in result.evaluate_metrics_clientapp.items()},
    )
