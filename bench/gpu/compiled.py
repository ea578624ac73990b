"""One point of fast.py with torch.compile, in a process of its own: compiling is slow and may hang. Argument: the request; last line: the answer."""
import ctypes, json, os, signal, sys, time
from statistics import median

import torch

import engine_side, pytorch_side

ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: it ends when fast.py is killed
request = json.loads(sys.argv[1])
device, size = request["device"], request["size"]
torch.set_num_threads(len(os.sched_getaffinity(0)))


def wait():
    if device == "cuda":
        torch.cuda.synchronize()


def timed(work, steps):
    wait()
    start = time.perf_counter()
    work(steps)
    wait()
    return time.perf_counter() - start


films = engine_side.Films(request["films"], size)
make = pytorch_side.Training if request["kind"] == "train" else pytorch_side.Scoring
backend = "inductor" if device == "cuda" else "eager"
side = make(device, films, size=size, batch=request["batch"], precision=request["precision"], compiled=backend)
compiling = timed(side.warm, request["warm"])
seconds = median(timed(side.work, request["steps"]) for _ in range(request["rounds"])) / request["steps"]
print(json.dumps(dict(compiling=compiling, seconds=seconds)), flush=True)
os._exit(0)  # at once: its compilers may still be waiting
