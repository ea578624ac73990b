"""Stage `memory` of `task gpu`: does half precision halve the memory of training and double its speed? The engine in both, taking turns."""
import os, time

import engine_side
import shim as abi
from compare import NO_TIME, ONLY_GPU, Comparison, Side, nothing
from shim import figure

CUDA = dict(seconds=26, size=128, batches=(32, 256), half="fp16", steps={32: 32, 256: 8}, rounds=5, warm=4)
CPU = dict(seconds=30, size=32, batches=(4, 8), half="bf16", steps={4: 1, 8: 1}, rounds=2, warm=3)


def compare(shim, scale, batch):
    """Both precisions at one batch, and what half precision makes of memory and speed."""
    size, half = scale["size"], scale["half"]
    group, films = f"train {size} px, batch {batch}", engine_side.Films(max(scale["batches"]), size)

    def side(precision):
        return Side(f"fedx {precision}", lambda: engine_side.Training(shim, films, size=size, batch=batch, precision=precision))

    comparison = Comparison(shim, group, batch=batch, steps=scale["steps"][batch], rounds=scale["rounds"], baseline="fedx fp32")
    sides = {side.name: side for side in comparison.run([side("fp32"), side(half)], scale["warm"])}
    single, low = sides.get("fedx fp32"), sides.get(f"fedx {half}")
    if not (single and low):
        return
    if low.peak is None:
        reason = shim.no_torch if shim.device == "cuda" else ONLY_GPU
        figure(group, f"memory halved by {half}", None, reason=reason)
    else:
        answer(group, f"memory halved by {half}", low.peak / single.peak, lambda part: part <= .5)
    answer(group, f"speed doubled by {half}", single.step_seconds / low.step_seconds, lambda times: times >= 2)


def answer(group, name, ratio, holds):
    figure(group, name, f"{'yes' if holds(ratio) else 'no'}, {ratio:.2f} ×")


def run(shim, scale):
    end, longest = time.monotonic() + scale["seconds"], 0
    for batch in scale["batches"]:
        started = time.monotonic()
        if longest > end - started:
            nothing(f"train {scale['size']} px, batch {batch}", ["fedx fp32", f"fedx {scale['half']}"], "step", NO_TIME)
            continue
        compare(shim, scale, batch)
        longest = max(longest, time.monotonic() - started)


if __name__ == "__main__":
    shim = abi.Shim(os.environ.get("FEDX_GPU_DEVICE", "cuda"))
    try:
        run(shim, CUDA if shim.device == "cuda" else CPU)
    finally:
        shim.close()
