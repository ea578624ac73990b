"""What this machine has, one JSON line a figure on stdout: the GPU as its driver sees it, and PyTorch. Nothing is measured.

Why the driver is asked itself: what PyTorch cannot use, because it is too new or too old for it, must be told all the same.
"""
import ctypes, json, os, platform

def tell(group, name, value, unit=None, reason=None):
    more = {key: given for key, given in (("unit", unit), ("reason", reason)) if given is not None}
    print(json.dumps(dict(group=group, name=name, value=value, **more)), flush=True)

def driver():
    """The GPUs by libcuda."""
    cuda = ctypes.CDLL("libcuda.so.1")
    def ask(function, *arguments):
        status = getattr(cuda, function)(*arguments)
        if status != 0: raise OSError(f"{function} gave {status}")
    number = ctypes.c_int()
    def attribute(which, device):
        ask("cuDeviceGetAttribute", ctypes.byref(number), which, device)
        return number.value
    ask("cuInit", 0)
    ask("cuDriverGetVersion", ctypes.byref(number))
    tell("machine", "CUDA of the driver", f"{number.value // 1000}.{number.value % 1000 // 10}")
    ask("cuDeviceGetCount", ctypes.byref(number))
    tell("machine", "GPUs", number.value)
    device, name, memory = ctypes.c_int(), ctypes.create_string_buffer(256), ctypes.c_size_t()
    ask("cuDeviceGet", ctypes.byref(device), 0)
    ask("cuDeviceGetName", name, 256, device)
    tell("machine", "GPU", name.value.decode())
    ask("cuDeviceTotalMem_v2", ctypes.byref(memory), device)
    tell("machine", "GPU memory", round(memory.value / 2**30, 1), "GiB")
    major, minor, processors = (attribute(which, device) for which in (75, 76, 16))
    tell("machine", "compute capability", f"{major}.{minor}")
    tell("machine", "multiprocessors", processors)

def torch_versions():
    import torch
    tell("versions", "PyTorch", torch.__version__)
    tell("versions", "PyTorch's CUDA", torch.version.cuda, reason=None if torch.version.cuda else "built without")
    if torch.version.cuda: tell("versions", "cuDNN", torch.backends.cudnn.version())
    if torch.cuda.is_available(): tell("versions", "GPU kinds in PyTorch", " ".join(torch.cuda.get_arch_list()))

def other(package):
    tell("versions", package, __import__(package).__version__)

def attempt(group, name, work, *arguments):
    """What cannot be had is told as such; the rest goes on."""
    try: work(*arguments)
    except Exception as error: tell(group, name, None, reason=f"{type(error).__name__}: {error}")

if os.environ.get("FEDX_GPU_DEVICE") == "cuda": attempt("machine", "GPU", driver)
else: tell("machine", "GPU", None, reason="only on a GPU")
tell("versions", "Python", platform.python_version())
attempt("versions", "PyTorch", torch_versions)
for package in ("torchvision", "numpy"): attempt("versions", package, other, package)
