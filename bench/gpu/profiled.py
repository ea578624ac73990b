"""What a step costs beside its time: kernels, launches, waits of the host, memory from the driver, by torch.profiler, which sees every thread.

Why two pieces: each call has a border (upload, random numbers, the one wait at its end), so a steady step is what a piece of 2n steps has more than
one of n. A count that the profiler cannot have seen is none with the reason, never 0.
"""
import json, re
from collections import Counter

WAITS = {"cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize", "cudaMemcpy", "cuStreamSynchronize", "cuCtxSynchronize"}
MEMORY = {
    "cudaMalloc", "cudaFree", "cudaMallocAsync", "cudaFreeAsync", "cudaHostAlloc", "cudaMallocHost", "cudaFreeHost", "cuMemCreate", "cuMemRelease",
    "cuMemMap", "cuMemUnmap"}
LAUNCH = re.compile(r"cuda(Launch|GraphLaunch|Memcpy.*Async|Memset.*Async)|cuLaunch")


class Unseen(Exception):
    """Why there is no count."""


class Trace:
    """Of one piece: calls of the CUDA API by name, kernels by name with their microseconds, and the microseconds in which any kernel ran."""

    def __init__(self, events):
        self.calls, self.kernels, self.count, spans = Counter(), Counter(), 0, []
        for event in events:
            if event.get("ph") != "X":
                continue
            if event.get("cat") in ("cuda_runtime", "cuda_driver"):
                self.calls[re.sub(r"(_v\d+|_pt[ds]z)+$", "", event["name"])] += 1
            elif event.get("cat") == "kernel":
                self.kernels[event["name"]] += event["dur"]
                self.count += 1
                spans.append((event["ts"], event["ts"] + event["dur"]))
        self.busy = union(spans)

    def of(self, names):
        return sum(count for name, count in self.calls.items() if name in names)

    def launches(self):
        return sum(count for name, count in self.calls.items() if LAUNCH.match(name))


def union(spans):
    total, end = 0, float("-inf")
    for first, last in sorted(spans):
        total += max(0, last - max(first, end))
        end = max(end, last)
    return total


class Steady:
    """A steady step, from the traces of n and of 2n steps."""

    def __init__(self, short, long, steps):
        self.short, self.long, self.steps = short, long, steps

    def more(self, count):
        return (count(self.long) - count(self.short)) / self.steps

    def calls(self, names):
        # Each piece ends with a wait: where none was recorded, the others were not either.
        if not (self.short.of(WAITS) and self.long.of(WAITS)):
            raise Unseen("the profiler recorded no calls of the CUDA API")
        return self.more(lambda trace: trace.of(names))

    def waits(self):
        return self.calls(WAITS)

    def memory_calls(self):
        return self.calls(MEMORY)

    def launches(self):
        self.calls(WAITS)
        return self.more(Trace.launches)

    def kernels(self):
        if not 0 < self.short.count < self.long.count:
            raise Unseen(f"the profiler recorded {self.short.count} kernels in {self.steps} steps and {self.long.count} in twice as many")
        return self.more(lambda trace: trace.count)

    def busy_ms(self):
        self.kernels()
        return self.more(lambda trace: trace.busy) / 1000

    def costliest(self, most=10):
        """[(name, share of the time of all kernels)], from the costliest."""
        self.kernels()
        more = Counter({name: self.long.kernels[name] - self.short.kernels[name] for name in self.long.kernels})
        return [(name, time / sum(more.values())) for name, time in more.most_common(most)]


def steady(torch, work, steps):
    """Profiles n and 2n steps of `work`, which must have run before."""
    work(2 * steps)  # memory for the longer piece is there
    return Steady(trace(torch, lambda: work(steps)), trace(torch, lambda: work(2 * steps)), steps)


def trace(torch, work, path="trace.json"):
    # Without the activities of the CPU: what an operator costs there is not asked, and it would slow down the launches.
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        work()
        torch.cuda.synchronize()
    profile.export_chrome_trace(path)
    with open(path, encoding="utf-8", errors="replace") as file:
        return Trace(json.load(file)["traceEvents"])


def short(kernel, most=80):
    """A kernel's name without what does not tell it from others: namespaces, arguments, lambdas and the templates that wrap every functor."""
    name = kernel.removeprefix("void ").replace("(anonymous namespace)", "").replace("<unnamed>", "")
    while (bare := re.sub(r"\([^()]*\)", "", name)) != name:
        name = bare
    name = re.sub(r"::\{lambda#\d+\}|::operator const|, std::array<char\*, \w+ ?>", "", name)
    name = re.sub(r"\b[a-z]\w*::|::", "", name)
    name = re.sub(r"gpu_kernel_impl(_nocast)?<(.*)>", r"\2", name)
    name = re.sub(r"\s+(?=[,>])", "", name).strip()
    return name if len(name) <= most else name[:most - 1] + "…"
