"""Stage `fast` of `task gpu`: training and inference beside PyTorch's eager automatic mixed precision on the same work, in one process.

The points are in the order of what they tell; one begins only where the time left holds it, and what was not begun is none with that reason.
"""
import functools, json, os, signal, subprocess, sys, time
from dataclasses import asdict, dataclass

import engine_side
import shim as abi
from compare import NO_TIME, ONLY_GPU, PYTORCH, Comparison, Side, nothing
from shim import figure

COMPILED = "PyTorch compiled"
# `steps` a timed piece, by batch: in training one call. `profiled` of them are looked at closely.
CUDA = dict(seconds=92, sizes=(128, 224), batches=(32, 256), lower=("fp16", "bf16"), steps=(32, 8), calls=(16, 8), rounds=5, warm=4, profiled=4)
CPU = dict(seconds=60, sizes=(32, 48), batches=(4, 8), lower=("bf16",), steps=(1, 1), calls=(1, 1), rounds=2, warm=3, profiled=1)
# Kind, then size, batch and precision as places in the lists above.
ORDER = [
    ("train", 0, 0, 0), ("train", 0, 1, 0), ("train", 1, 1, 0), ("inference", 1, 1, 0), ("inference", 0, 0, 0), ("train", 0, 0, 1),
    ("train", 1, 0, 0), ("inference", 0, 1, 0), ("inference", 1, 0, 0), ("train", 0, 1, 1), ("train", 1, 1, 1), ("train", 1, 0, 1)]
COMPILE = [("inference", 1, 1, 0), ("train", 0, 0, 0)]


@dataclass(frozen=True)
class Point:
    kind: str
    size: int
    batch: int
    precision: str
    steps: int

    @property
    def group(self):
        return f"{self.kind} {self.size} px, batch {self.batch}, {self.precision}"

    @property
    def step(self):
        return "step" if self.kind == "train" else "call"

    @property
    def work(self):
        return dict(size=self.size, batch=self.batch, precision=self.precision)


class Fast:
    def __init__(self, device):
        self.gpu = device == "cuda"
        self.scale = CUDA if self.gpu else CPU
        self.end = time.monotonic() + self.scale["seconds"]
        self.shim = abi.Shim(device)
        self.no_pytorch = self.shim.no_torch or no_torchvision()
        self.took = {}  # seconds by kind, size and batch
        if self.shim.torch:
            self.shim.torch.set_num_threads(len(os.sched_getaffinity(0)))

    def left(self):
        return self.end - time.monotonic()

    def points(self, places):
        scale = self.scale
        for kind, size, batch, lower in places:
            if lower < len(scale["lower"]):
                steps = scale["steps" if kind == "train" else "calls"][batch]
                yield Point(kind, scale["sizes"][size], scale["batches"][batch], scale["lower"][lower], steps)

    def run(self):
        self.settings()
        for place, point in enumerate(self.points(ORDER)):
            self.measure(point, first=place == 0)
        for point in self.points(COMPILE):
            self.compiled(point)

    def measure(self, point, first):
        started, key = time.monotonic(), (point.kind, point.size, point.batch)
        names = ["fedx eager", "fedx graph"] if point.kind == "train" else ["fedx"]
        # As long as the same in another precision, else as the longest of its kind.
        longest = max((seconds for (kind, *_), seconds in self.took.items() if kind == point.kind), default=0)
        if self.took.get(key, longest) > self.left():
            return nothing(point.group, [*names, PYTORCH], point.step, NO_TIME)
        if self.no_pytorch:
            nothing(point.group, [PYTORCH], point.step, self.no_pytorch)
        sides = [self.ours(name, point) for name in names] + ([] if self.no_pytorch else [self.theirs(point)])
        comparison = Comparison(self.shim, point.group, batch=point.batch, steps=point.steps, rounds=self.scale["rounds"], step=point.step)
        # On the CPU one point is enough to say that all of this is only on a GPU.
        profile = point.precision == self.scale["lower"][0] and (first or self.gpu)
        for side in comparison.run(sides, self.scale["warm"], self.scale["profiled"] if profile else 0):
            if first and side.name != "fedx eager":
                comparison.costliest(side)
        self.took[key] = time.monotonic() - started

    def ours(self, name, point):
        side = engine_side.Training if point.kind == "train" else engine_side.Scoring
        return Side(name, lambda: side(self.shim, self.films(point.size), graph=name.endswith("graph"), **point.work))

    def theirs(self, point):
        import pytorch_side
        side = pytorch_side.Training if point.kind == "train" else pytorch_side.Scoring
        return Side(PYTORCH, lambda: side(self.shim.device, self.films(point.size), **point.work), ours=False)

    @functools.cache
    def films(self, size):
        return engine_side.Films(max(self.scale["batches"]), size)

    def compiled(self, point):
        """torch.compile in a process of its own, which is killed when the time is over."""
        reason = self.no_pytorch or (None if self.gpu else ONLY_GPU) or (NO_TIME if self.left() < 10 else None)
        if reason is None:
            common = dict(device=self.shim.device, films=max(self.scale["batches"]), warm=self.scale["warm"], rounds=self.scale["rounds"])
            answer, reason = ask({**common, **asdict(point)}, self.left())
        if reason:
            return nothing(point.group, [COMPILED], point.step, reason)
        figure(point.group, f"{COMPILED}, a {point.step}", 1000 * answer["seconds"], "ms")
        figure(point.group, f"{COMPILED}, speed", point.batch / answer["seconds"], "images/s")
        figure(point.group, f"{COMPILED}, compiling", answer["compiling"], "s")

    def settings(self):
        """What holds for both sides."""
        group, version = "settings, both sides", self.shim.torch and self.shim.torch.__version__
        figure(group, "engine", f"build {self.shim.build}, libtorch {self.shim.libtorch}")
        figure(group, "PyTorch", version, reason=self.shim.no_torch)
        figure(group, "threads", len(os.sched_getaffinity(0)))
        figure(group, "rounds", self.scale["rounds"])
        for batch, steps in zip(self.scale["batches"], self.scale["steps"]):
            figure(group, f"steps a call, batch {batch}", steps)
        figure(group, "films", "on the device as u8, not augmented")
        kernels = "training: chosen by timing in the warm-up; inference: by rule"
        figure(group, "cuDNN's kernels", kernels if self.gpu else None, reason=None if self.gpu else ONLY_GPU)


def ask(request, limit):
    """(What compiled.py answers, None), or (None, why it does not)."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "compiled.py")
    caches = dict(TORCHINDUCTOR_CACHE_DIR=os.path.abspath("inductor"), TRITON_CACHE_DIR=os.path.abspath("triton"))
    command = [sys.executable, script, json.dumps(request)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **caches}, start_new_session=True) as child:
        try:
            out, _ = child.communicate(timeout=limit)
            return json.loads(out.splitlines()[-1]), None
        except subprocess.TimeoutExpired:
            return None, f"compiling took more than the {limit:.0f} s that were left"
        except (IndexError, ValueError):
            return None, f"the process that compiles ended with {child.returncode}; the stage's log has its last words"
        finally:
            try:
                os.killpg(child.pid, signal.SIGKILL)  # its compilers too
            except ProcessLookupError:
                pass


def no_torchvision():
    try:
        import torchvision  # noqa: F401
    except Exception as error:
        return f"python3 has no torchvision that works ({error})"
    return None


if __name__ == "__main__":
    fast = Fast(os.environ.get("FEDX_GPU_DEVICE", "cuda"))
    try:
        fast.run()
    finally:
        fast.shim.close()
