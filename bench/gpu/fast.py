"""Stage `fast` of `task gpu`: training and scoring beside PyTorch's eager automatic mixed precision on the same work, in one process.

The points are in the order of what they tell; one begins only where the time left holds it, and what was not begun is none with that reason.
"""
import json, os, signal, subprocess, sys, time

import engine_side
import shim as abi
from compare import ONLY_GPU, PYTORCH, Comparison, Side, nothing
from shim import figure

NO_TIME = "no time left"
COMPILED = "PyTorch compiled"
CUDA = dict(
    seconds=92, sizes=(128, 224), batches=(32, 256), precisions=("fp16", "bf16"), steps={32: 32, 256: 8}, calls={32: 16, 256: 8}, rounds=5, warm=4,
    profiled=4)
CPU = dict(seconds=38, sizes=(32, 48), batches=(4, 8), precisions=("bf16",), steps={4: 1, 8: 1}, calls={4: 1, 8: 1}, rounds=2, warm=3, profiled=1)
# What is measured, in this order: kind, then size, batch and precision as places in the lists above.
ORDER = [
    ("train", 0, 0, 0), ("train", 0, 1, 0), ("train", 1, 1, 0), ("inference", 1, 1, 0), ("inference", 0, 0, 0), ("train", 0, 0, 1), ("train", 1, 0, 0),
    ("inference", 0, 1, 0), ("inference", 1, 0, 0), ("compiled inference", 1, 1, 0), ("compiled train", 0, 0, 0), ("train", 0, 1, 1), ("train", 1, 1, 1),
    ("train", 1, 0, 1)]
# Seconds that torch.compile gets, as far as they are left.
COMPILING = dict(inference=30, train=60)


class Fast:
    def __init__(self, device):
        self.scale = CUDA if device == "cuda" else CPU
        self.end = time.monotonic() + self.scale["seconds"]
        self.shim = abi.Shim(device)
        self.no_pytorch = self.shim.no_torch or no_torchvision()
        self.films = {}
        self.took = {}  # seconds by kind and (size, batch)
        if self.shim.torch:
            self.shim.torch.set_num_threads(len(os.sched_getaffinity(0)))

    def left(self):
        return self.end - time.monotonic()

    def run(self):
        for kind, *place in ORDER:
            if place[2] >= len(self.scale["precisions"]):
                continue
            size, batch, precision = (self.scale[name][at] for name, at in zip(("sizes", "batches", "precisions"), place))
            work = kind.split()[-1]
            group = f"{work} {size} px, batch {batch}, {precision}"
            if kind.startswith("compiled"):
                self.compiled(work, group, size=size, batch=batch, precision=precision)
            else:
                self.point(work, group, size=size, batch=batch, precision=precision, first=place == [0, 0, 0], profile=place[2] == 0 and (self.shim.device == "cuda" or place == [0, 0, 0]))
        settings(self.shim, self.scale)

    def point(self, kind, group, *, size, batch, precision, first, profile):
        key, started = (kind, size, batch), time.monotonic()
        train = kind == "train"
        names = ["fedx eager", "fedx graph"] if train else ["fedx"]
        # As long as the same point took in another precision, else as the longest of its kind.
        needed = self.took.get(key, max((s for k, s in self.took.items() if k[0] == kind), default=0))
        if needed > self.left():
            return nothing(group, [*names, PYTORCH], "step" if train else "call", NO_TIME)
        sides = [self.ours(name, kind, size=size, batch=batch, precision=precision) for name in names]
        if self.no_pytorch is None:
            import pytorch_side
            theirs = pytorch_side.Training if train else pytorch_side.Scoring
            films = self.films_of(size)
            sides.append(Side(PYTORCH, lambda: theirs(self.shim.device, films, size=size, batch=batch, precision=precision), ours=False))
        else:
            nothing(group, [PYTORCH], "step" if train else "call", self.no_pytorch)
        steps = self.scale["steps" if train else "calls"][batch]
        comparison = Comparison(self.shim, group, batch=batch, steps=steps, rounds=self.scale["rounds"], step="step" if train else "call")
        there = comparison.run(sides, self.scale["warm"], self.scale["profiled"] if profile else 0)
        for side in there:
            if train and first and side.name != "fedx eager":
                comparison.costliest(side)
        self.took[key] = time.monotonic() - started

    def ours(self, name, kind, *, size, batch, precision):
        side = engine_side.Training if kind == "train" else engine_side.Scoring
        settings = dict(size=size, batch=batch, precision=precision, graph=name.endswith("graph"))
        return Side(name, lambda: side(self.shim, self.films_of(size), abi.weights, **settings))

    def films_of(self, size):
        if size not in self.films:
            self.films[size] = engine_side.Films(max(self.scale["batches"]), size)
        return self.films[size]

    def compiled(self, kind, group, **point):
        """torch.compile in a process of its own, which is killed when its time is over."""
        step, limit = "step" if kind == "train" else "call", min(COMPILING[kind], self.left())
        reason = self.no_pytorch or (None if self.shim.device == "cuda" else ONLY_GPU) or (NO_TIME if limit < 10 else None)
        if reason:
            return nothing(group, [COMPILED], step, reason)
        request = dict(
            kind=kind, device=self.shim.device, films=max(self.scale["batches"]), warm=self.scale["warm"], rounds=self.scale["rounds"],
            steps=self.scale["steps" if kind == "train" else "calls"][point["batch"]], **point)
        answer = ask(request, limit)
        if isinstance(answer, str):
            return nothing(group, [COMPILED], step, answer)
        figure(group, f"{COMPILED}, a {step}", 1000 * answer["seconds"], "ms")
        figure(group, f"{COMPILED}, speed", point["batch"] / answer["seconds"], "images/s")
        figure(group, f"{COMPILED}, compiling", answer["compiling"], "s")


def ask(request, limit):
    """What compiled.py answers, or why it does not."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "compiled.py")
    caches = dict(TORCHINDUCTOR_CACHE_DIR=os.path.abspath("inductor"), TRITON_CACHE_DIR=os.path.abspath("triton"))
    child = subprocess.Popen(
        [sys.executable, script, json.dumps(request)], stdout=subprocess.PIPE, text=True, env={**os.environ, **caches}, start_new_session=True)
    try:
        out, _ = child.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        return f"compiling took more than the {limit:.0f} s that were left for it"
    finally:
        try:
            os.killpg(child.pid, signal.SIGKILL)  # its compilers too
        except ProcessLookupError:
            pass
        child.wait()
    try:
        return json.loads(out.splitlines()[-1])
    except (IndexError, ValueError):
        return f"the process that compiles ended with {child.returncode}; fast.log has its last words"


def no_torchvision():
    try:
        import torchvision  # noqa: F401
    except Exception as error:
        return f"python3 has no torchvision that works ({error})"
    return None


def settings(shim, scale):
    """What holds for both sides."""
    torch, gpu = shim.torch, shim.device == "cuda"
    figure("settings of fast", "engine", f"build {shim.build}, libtorch {shim.libtorch}")
    figure("settings of fast", "PyTorch", torch and torch.__version__, reason=shim.no_torch)
    figure("settings of fast", "threads", len(os.sched_getaffinity(0)))
    figure("settings of fast", "rounds", scale["rounds"])
    for batch in scale["batches"]:
        figure("settings of fast", f"steps a call, batch {batch}", scale["steps"][batch])
    for name, what in dict(cuDNN="training: kernels chosen by timing in the warm-up; inference: by rule", films="on the device, as u8").items():
        figure("settings of fast", name, f"{what}; both sides" if gpu or name == "films" else None, reason=None if gpu or name == "films" else ONLY_GPU)


if __name__ == "__main__":
    fast = Fast(os.environ.get("FEDX_GPU_DEVICE", "cuda"))
    try:
        fast.run()
    finally:
        fast.shim.close()
