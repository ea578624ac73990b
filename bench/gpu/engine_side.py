"""The engine's side of a comparison: what it does in one timed piece. pytorch_side.py is its like, and does the same work."""
import functools, math
from array import array

import shim as abi


class Films:
    """The same films for both sides: n of noise, every other one ill."""

    def __init__(self, n, size):
        self.n, self.size = n, size
        self.pixels = abi.random.Random(1).randbytes(n * size * size)
        self.labels = bytes(i % 2 for i in range(n))

    def rows(self, count):
        return array("I", (i % self.n for i in range(count)))


@functools.cache
def start(layout):
    """The same weights for every engine, made once."""
    return abi.weights(abi.json.loads(layout))


class Training:
    """work(n): one call of n steps."""

    def __init__(self, shim, films, *, size, batch, precision, graph=False):
        settings = dict(size=size, batch=batch, precision=precision, graph=graph, device=shim.device, portable=shim.device == "cpu")
        self.films, self.batch = films, batch
        self.engine = abi.Engine(shim, **settings)
        self.engine.write(start(self.engine.layout()))
        self.data = abi.DataSet(shim, films.pixels, films.labels, size)

    def warm(self, steps):
        self.work(steps)

    def work(self, steps):
        losses, _, _ = self.engine.train(self.data, self.films.rows(steps * self.batch))
        expect_finite(losses)

    def close(self):
        self.engine.close()
        self.data.close()


class Scoring(Training):
    """work(n): n calls, each with its logits on the host."""

    def work(self, calls):
        rows = self.films.rows(self.batch)
        for _ in range(calls):
            expect_finite(self.engine.predict(self.data, rows))


def expect_finite(values):
    if not all(map(math.isfinite, values)):
        raise RuntimeError("expected finite numbers, got NaN or infinity")
