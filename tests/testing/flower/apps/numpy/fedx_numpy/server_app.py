"""A server of Flower's older API: ServerAppComponents and the FedAvg that NumPyClients speak with."""

from flwr.app import Context
from flwr.common import ndarrays_to_parameters, parameters_to_ndarrays
from flwr.server import ServerApp, ServerAppComponents, ServerConfig
from flwr.server.strategy import FedAvg

from fedx_numpy.files import first_arrays, told, write_arrays, write_metrics


def weighted(results: list[tuple[int, dict]]) -> dict:
    """The mean of every metric, weighted by the examples."""
    total = sum(examples for examples, _ in results)
    names = results[0][1] if results else {}
    return {name: sum(examples * found[name] for examples, found in results) / total for name in names}


class RecordedFedAvg(FedAvg):
    """FedAvg that leaves the arrays and metrics in files, because this API hands a ServerApp no result."""

    def __init__(self, run_config, names: list[str] | None, **options) -> None:
        super().__init__(**options)
        self.run_config = run_config
        self.names = names
        self.train: dict[int, dict] = {}
        self.evaluated: dict[int, dict] = {}

    def aggregate_fit(self, server_round, results, failures):
        """Averages, then writes the arrays under their names, or their places where a node gave the first."""
        parameters, metrics = super().aggregate_fit(server_round, results, failures)
        if parameters is not None:
            arrays = parameters_to_ndarrays(parameters)
            names = self.names or [str(place) for place in range(len(arrays))]
            write_arrays(self.run_config, dict(zip(names, arrays, strict=True)))
            self.train[server_round] = metrics
        write_metrics(self.run_config, self.train, self.evaluated)
        return parameters, metrics

    def aggregate_evaluate(self, server_round, results, failures):
        """Averages, then writes the metrics of all rounds until now."""
        loss, metrics = super().aggregate_evaluate(server_round, results, failures)
        if loss is not None:
            self.evaluated[server_round] = {"loss": loss, **metrics}
        write_metrics(self.run_config, self.train, self.evaluated)
        return loss, metrics


def server_fn(context: Context) -> ServerAppComponents:
    """The strategy and the number of rounds that a run asks for."""
    config = context.run_config
    nodes = int(config["min-nodes"])
    first = None if config["ask-node"] else first_arrays(config)
    strategy = RecordedFedAvg(
        config,
        None if first is None else list(first),
        min_fit_clients=nodes,
        min_evaluate_clients=nodes,
        min_available_clients=nodes,
        initial_parameters=None if first is None else ndarrays_to_parameters(list(first.values())),
        on_fit_config_fn=lambda _: told(config),
        fit_metrics_aggregation_fn=weighted,
        evaluate_metrics_aggregation_fn=weighted,
    )
    rounds = ServerConfig(int(config["num-server-rounds"]), round_timeout=float(config["round-timeout"]))
    return ServerAppComponents(strategy=strategy, config=rounds)


app = ServerApp(server_fn=server_fn)
