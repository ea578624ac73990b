"""The engine through its C ABI (native/fedx.h) by ctypes, and the line that a figure is written as.

In the process of a python3 that has PyTorch both run on one libtorch with one allocator, so that one profiler sees both. It needs the
standard library alone: without PyTorch, libtorch comes from FEDX_LIBTORCH and the engine is measured alone.
"""
import ctypes, importlib.util, json, math, os, random, re, struct
from array import array

ABI = 4
MEAN, DEVIATION = .449, .226
RECIPE = dict(
    lr=1e-4, beta1=.9, beta2=.999, eps=1e-8, weight_decay=1e-4, amsgrad=True, lr_classifier=12, lr_stem=2.5, lr_backbone=.12, gamma=2, alpha=1,
    dropout=.2, stochastic_depth=.2, flip=False, rotation=0, brightness=0, contrast=0)
CLIP = 3.0


def figure(group, name, value, unit=None, *, bound=None, ok=None, reason=None):
    """Appends a figure to the file that FEDX_GPU_FIGURES names, at once, and prints it."""
    if isinstance(value, float):
        value = float(f"{value:.4g}") if math.isfinite(value) else str(value)
    parts = dict(group=group, name=name, value=value, unit=unit, bound=bound, ok=ok, reason=reason)
    line = json.dumps({key: part for key, part in parts.items() if part is not None or key == "value"}, ensure_ascii=False)
    if path := os.environ.get("FEDX_GPU_FIGURES"):
        with open(path, "a", encoding="utf-8") as file:
            file.write(line + "\n")
    print(line, flush=True)


def seconds(scale):
    """How long a stage measures: `seconds`, or those that it was given (FEDX_GPU_SECONDS) but for `spare`."""
    return scale.get("seconds") or float(os.environ.get("FEDX_GPU_SECONDS", 85)) - scale["spare"]


def config(**changes):
    """The JSON that native/engine/config.cpp reads: one grey channel, the deck's recipe without augmentation."""
    fields = dict(
        network="efficientnet_b0", device="cpu", precision="fp32", size=128, channels=1, threads=len(os.sched_getaffinity(0)), seed=1, silo=0,
        class_weights=[1, 1], mean=[MEAN], deviation=[DEVIATION], graph=False, deterministic=False, portable=False, batch=32)
    return json.dumps({**fields, **RECIPE, **changes})


def torch_here(libtorch, device):
    """Whether this python3's PyTorch fits the shim: None, or why it does not. Imports nothing."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return "python3 has no PyTorch"
    folder = os.path.dirname(spec.origin)
    theirs, ours = version(folder), version(libtorch)
    if theirs.split(".")[:2] != ours.split(".")[:2]:
        return f"python3 has PyTorch {theirs}, and FEDX_LIBTORCH is {ours}"
    if device == "cuda" and not os.path.exists(f"{folder}/lib/libtorch_cuda.so"):
        return "python3's PyTorch is one for the CPU"
    return None


def version(folder):
    with open(f"{folder}/version.py", encoding="utf-8") as file:
        return re.search(r"__version__ = '([^']+)'", file.read()).group(1)


class Shim:
    """The opened library. `torch` is the PyTorch of the same libtorch, or None with `no_torch`, the reason."""

    def __init__(self, device):
        self.device, self.torch = device, None
        for name, value in dict(OMP_WAIT_POLICY="PASSIVE", OMP_NUM_THREADS=str(len(os.sched_getaffinity(0))), MKL_CBWR="AUTO").items():
            os.environ.setdefault(name, value)  # libgomp and MKL read these when they are loaded
        libtorch, shim = environment("FEDX_LIBTORCH"), environment("FEDX_SHIM")
        if os.path.isdir(shim):
            shim += "/libfedx-cpu.so" if device == "cpu" and os.path.exists(f"{shim}/libfedx-cpu.so") else "/libfedx-cuda.so"
        self.no_torch = torch_here(libtorch, device)
        if self.no_torch is None:
            import torch
            self.torch = torch
        else:
            for name in ["libtorch_cpu.so"] + ["libtorch_cuda.so"] * shim.endswith("-cuda.so"):
                ctypes.CDLL(f"{libtorch}/lib/{name}")  # the shim's needs are matched by name with what is there
        self.library = ctypes.CDLL(shim)
        self.library.fedx_live_handles.restype = ctypes.c_uint32
        if (abi := self.library.fedx_abi_version()) != ABI:
            raise SystemExit(f"Cannot use {shim}: expected ABI {ABI}, got {abi} (remedy: build it again)")
        out = ctypes.create_string_buffer(256)
        self.call("fedx_build", out, 256)
        self.build, self.libtorch = out.value.decode().split(" ")

    def call(self, name, *arguments):
        """Calls a function of native/fedx.h: int for u32, bytes and ctypes buffers as they are. Python's lock is open meanwhile."""
        err = ctypes.create_string_buffer(1024)
        passed = [ctypes.c_uint32(a) if isinstance(a, int) else a for a in arguments]
        if status := getattr(self.library, name)(*passed, err, ctypes.c_uint32(1024)):
            raise RuntimeError(err.value.decode(errors="replace") or f"Cannot run {name}: status {status}")

    def handle(self, name, *arguments):
        out = ctypes.c_uint32()
        self.call(name, *arguments, ctypes.byref(out))
        return out.value

    def close(self):
        """Before the process ends: an exit during libtorch's work crashes."""
        self.library.fedx_shutdown()


def environment(name):
    if value := os.environ.get(name):
        return os.path.abspath(value)
    raise SystemExit(f"Cannot measure: expected {name}, got nothing (remedy: let gpu.sh run this, or name the folder)")


class DataSet:
    """Resident films. pixels: (n, size, size) u8; labels: n bytes, 0 or 1."""

    def __init__(self, shim, pixels, labels, size):
        self.shim, self.n = shim, len(labels)
        self.id = shim.handle("fedx_data_create", self.n, size, size)
        most = max(1, (64 << 20) // size ** 2)  # 64 MiB a call
        for first in range(0, self.n, most):
            part = pixels[first * size ** 2:(first + most) * size ** 2]
            shim.call("fedx_data_put", self.id, first, part, len(part))
        shim.call("fedx_data_labels", self.id, 0, labels, self.n)

    def close(self):
        self.shim.call("fedx_data_destroy", self.id)


class Engine:
    """One engine; `settings` as of config()."""

    def __init__(self, shim, **settings):
        text = config(**settings).encode()
        self.shim, self.batch, self.step = shim, json.loads(text)["batch"], 0
        self.id = shim.handle("fedx_engine_create", text, len(text))

    def layout(self):
        """As JSON."""
        out = ctypes.create_string_buffer(128 << 10)
        self.shim.call("fedx_layout", self.id, out, len(out), ctypes.byref(ctypes.c_uint32()))
        return out.value.decode()

    def write(self, vector):
        """Weights, then statistics, as f32 bytes in the layout's order."""
        self.shim.call("fedx_state_write", self.id, 0, vector, len(vector))

    def train(self, data, rows):
        """One chunk: a step for each `batch` rows, an array("I"). Returns losses, gradient norms and how many steps were skipped."""
        steps = len(rows) // self.batch
        plan = struct.pack("<4I", steps, self.batch, self.step, 0) + array("f", [1] * steps + [CLIP] * steps).tobytes() + rows.tobytes()
        self.step += steps
        out = self.wait(self.shim.handle("fedx_train_submit", self.id, data.id, plan, len(plan)), 4 + 8 * steps)
        values = array("f", out[4:])
        return values[:steps], values[steps:], struct.unpack_from("<I", out)[0]

    def predict(self, data, rows):
        """One logit a row."""
        out = self.wait(self.shim.handle("fedx_predict_submit", self.id, data.id, rows.tobytes(), len(rows)), 4 * len(rows))
        return array("f", out)

    def wait(self, ticket, length):
        out = ctypes.create_string_buffer(length)
        self.shim.call("fedx_wait", ticket, out, length)
        return out.raw

    def close(self):
        self.shim.call("fedx_engine_destroy", self.id)


def weights(layout):
    """A start that trains: He's deviation for convolutions, from few random numbers that are repeated, so that it takes no time to make."""
    draw = random.Random(1)
    tile = [draw.gauss(0, 1) for _ in range(4099)]
    vector = array("f")
    for tensor in layout["tensors"]:
        shape, length, name = tensor["shape"], tensor["length"], tensor["name"]
        if len(shape) > 1:
            deviation = math.sqrt(2 / (shape[0] * math.prod(shape[2:]))) if len(shape) == 4 else .01
            part = array("f", [deviation * x for x in tile[:length]])
            vector.extend((part * (length // len(part) + 1))[:length])
        else:
            vector.extend(array("f", [1 if name.endswith((".weight", "running_var")) else 0]) * length)
    return vector.tobytes()
