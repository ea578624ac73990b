"""One comparison: sides that do the same work take turns, the order is reversed between rounds, medians count."""
import gc, time, traceback
from statistics import median

import profiled
from shim import figure

ONLY_GPU, NO_TIME = "only on a GPU", "no time left"
PYTORCH = "PyTorch eager"


class Side:
    """What takes part: `make` gives an object with warm(steps), work(steps) and close(). `ours`: that it cannot be measured is then a failure."""

    def __init__(self, name, make, ours=True):
        self.name, self.make, self.ours = name, make, ours
        self.work = self.peak = self.seen = None
        self.seconds = []

    def close(self):
        if self.work is not None:
            self.work.close()
        self.work = None


class Comparison:
    """`steps` a timed piece, which is one call of the engine in training; `batch` images a step; `step`: what one is called; `baseline`: whose
    speed the others' is compared with."""

    def __init__(self, shim, group, *, batch, steps, rounds, step="step", baseline=PYTORCH):
        self.shim, self.torch, self.baseline = shim, shim.torch, baseline
        self.group, self.batch, self.steps, self.rounds, self.step = group, batch, steps, rounds, step
        self.gpu = shim.device == "cuda"

    def run(self, sides, warm, profile=0):
        """Measures and writes the figures; `profile`: steps to profile, 0 for none."""
        there = []
        try:
            there = [side for side in sides if self.attempt(side, lambda: self.begin(side, warm))]
            for round in range(self.rounds):
                for side in there[::-1] if round % 2 else there[:]:
                    if not self.attempt(side, lambda: side.seconds.append(self.timed(side))):
                        there.remove(side)
            for side in there:
                self.speed(side, next((other for other in there if other.name == self.baseline), None))
                self.memory(side)
            for side in there if profile else []:
                self.profile(side, profile)
        finally:
            for side in sides:
                side.close()
            gc.collect()
            self.empty_cache()
        return there

    def say(self, side, name, value, unit, **more):
        figure(self.group, f"{side.name}, {name}", value, unit, **more)

    def attempt(self, side, work):
        try:
            work()
            return True
        except Exception as error:  # the other sides go on
            nothing(self.group, [side.name], self.step, reason_of(error), ok=False if side.ours else None)
            traceback.print_exc()
            return False

    def begin(self, side, warm):
        before = self.held()
        side.work = side.make()
        side.work.warm(warm)
        if before is not None:
            self.torch.cuda.reset_peak_memory_stats()
            side.work.work(2)
            allocated, pools = before
            # What a graph uses is set apart when it is recorded; its replays allocate nothing.
            side.peak = self.torch.cuda.max_memory_allocated() - allocated + self.held()[1] - pools

    def held(self):
        """Bytes that tensors hold, and bytes that graphs have set apart beside them; None where no allocator tells."""
        if not (self.torch and self.gpu):
            return None
        segments = [s for s in self.torch.cuda.memory_snapshot() if tuple(s["segment_pool_id"]) != (0, 0)]
        return self.torch.cuda.memory_allocated(), sum(s["total_size"] - s["allocated_size"] for s in segments)

    def empty_cache(self):
        """For the next comparison, whose own failure it is where the GPU no longer answers."""
        if self.torch and self.gpu:
            try:
                self.torch.cuda.empty_cache()
            except RuntimeError:
                traceback.print_exc()

    def timed(self, side):
        self.wait()
        start = time.perf_counter()
        side.work.work(self.steps)
        self.wait()
        return time.perf_counter() - start

    def wait(self):
        if self.torch and self.gpu:
            self.torch.cuda.synchronize()

    def speed(self, side, baseline):
        seconds = side.step_seconds = median(side.seconds) / self.steps
        self.say(side, f"a {self.step}", 1000 * seconds, "ms")
        self.say(side, "speed", self.batch / seconds, "images/s")
        if baseline and side is not baseline:
            ratio = median(theirs / ours for theirs, ours in zip(baseline.seconds, side.seconds))
            self.say(side, f"beside {baseline.name}", ratio, "×")

    def memory(self, side):
        reason = None if side.peak is not None else self.shim.no_torch if self.gpu else ONLY_GPU
        self.say(side, "peak memory", side.peak and side.peak / 2**20, "MiB", reason=reason)

    def profile(self, side, steps):
        """What only the profiler and the allocator tell."""
        reason = None if self.gpu and self.torch else self.shim.no_torch if self.gpu else ONLY_GPU
        step, promised = f"a {self.step}", side.ours and self.step == "step"
        graph = promised and side.name.endswith("graph")
        seen = None
        if reason is None:
            try:
                seen = profiled.steady(self.torch, side.work.work, steps)
            except Exception as error:
                reason = reason_of(error)

        def say(name, count, unit, zero=False):
            value, why = None, reason
            if why is None:
                try:
                    value = count()
                except Exception as error:
                    why = reason_of(error)
            kept = dict(bound="0", ok=None if value is None else value == 0) if zero else {}
            self.say(side, name, value, unit, reason=why, **kept)

        say("GPU busy", lambda: seen.busy_ms() / side.step_seconds / 10, "%")
        say(f"kernels {step}", lambda: seen.kernels(), None)
        say(f"launches {step}", lambda: seen.launches(), None)
        say(f"host waits {step}", lambda: seen.waits(), None, zero=promised)
        say(f"driver memory calls {step}", lambda: seen.memory_calls(), None, zero=promised)
        say(f"allocator requests {step}", lambda: self.requests(side, steps), None, zero=graph)
        side.seen = seen

    def requests(self, side, steps):
        counts = []
        for count in (0, steps, 2 * steps):
            if count:
                side.work.work(count)
            counts.append(self.torch.cuda.memory_stats()["allocation.all.allocated"])
        return (counts[2] - 2 * counts[1] + counts[0]) / steps

    def costliest(self, side):
        """The ten kernels to fuse next."""
        group = f"costliest kernels of {side.name}, {self.group}"
        try:
            if side.seen is None:
                raise profiled.Unseen(ONLY_GPU if not self.gpu else self.shim.no_torch or "nothing was profiled")
            for place, (name, share) in enumerate(side.seen.costliest(), 1):
                print(f"{place}. {name}", flush=True)
                figure(group, f"{place}. {profiled.short(name)}", 100 * share, "%")
        except Exception as error:
            figure(group, "1.", None, "%", reason=reason_of(error))


def nothing(group, sides, step, reason, **more):
    """The figures of sides that were not measured."""
    for name in sides:
        figure(group, f"{name}, a {step}", None, "ms", reason=reason, **more)
        figure(group, f"{name}, speed", None, "images/s", reason=reason)


def reason_of(error):
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:200]
