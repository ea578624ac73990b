"""What bench/gpu does with what a GPU's profiler and allocator tell, on made-up ones. Run by fast_test.ts; the standard library alone."""
import json, os, sys, tempfile, time, types, unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../bench/gpu"))
import compare, fast, profiled, shim
from compare import Comparison, Side


def kernel(name, ts, dur):
    return dict(ph="X", cat="kernel", name=name, ts=ts, dur=dur)


def call(name):
    return dict(ph="X", cat="cuda_runtime", name=name, ts=0, dur=1)


def piece(steps, more=()):
    """Of a border of 2 kernels and 2 waits, and in each step 3 kernels, two of which overlap, and 2 launches."""
    events = [kernel("border", 0, 7), kernel("border", 10, 7), call("cudaStreamSynchronize_v3020"), call("cudaDeviceSynchronize")]
    for at in range(100, 100 + 100 * steps, 100):
        events += [kernel("conv", at, 50), kernel("silu", at + 40, 20), kernel("add", at + 70, 10), call("cudaLaunchKernel_v7000"), call("cudaGraphLaunch")]
    return profiled.Trace([*events, *more, dict(ph="s", cat="ac2g", name="flow"), dict(ph="X", cat="cpu_op", name="cudaMalloc", ts=0, dur=1)])


class Work:
    """A side's work that says what it did."""

    def __init__(self, name, did, fails=()):
        self.name, self.did, self.fails = name, did, fails

    def warm(self, steps):
        self.work(steps)

    def work(self, steps):
        self.did.append(self.name)
        if len(self.did) in self.fails:
            raise RuntimeError("expected finite numbers, got NaN or infinity")

    def close(self):
        self.did.append(f"{self.name} closed")


def figures(work):
    """What `work` writes."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FEDX_GPU_FIGURES"] = f"{folder}/figures"
        work()
        with open(f"{folder}/figures", encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
    return {(line["group"], line["name"]): line for line in lines}


def no_torch(device):
    return types.SimpleNamespace(device=device, torch=None, no_torch="python3 has no PyTorch")


class Profiled(unittest.TestCase):
    def test_a_steady_step_is_what_a_longer_piece_has_more_than_a_shorter_one(self):
        steady = profiled.Steady(piece(4), piece(8), 4)
        self.assertEqual([steady.kernels(), steady.launches(), steady.waits(), steady.memory_calls()], [3, 2, 0, 0])
        self.assertAlmostEqual(steady.busy_ms(), .070)
        self.assertEqual([(name, round(share, 3)) for name, share in steady.costliest(2)], [("conv", .625), ("silu", .25)])

    def test_waits_and_memory_of_each_step_are_counted(self):
        waits = [call("cudaStreamSynchronize_v3020")] * 4
        steady = profiled.Steady(piece(4, waits + [call("cudaMalloc_v3020")] * 4), piece(8, waits * 2 + [call("cudaMalloc_v3020")] * 8), 4)
        self.assertEqual([steady.waits(), steady.memory_calls()], [1, 1])

    def test_what_was_not_recorded_is_no_zero(self):
        blind = profiled.Trace([kernel("conv", 0, 1)])
        for count in (profiled.Steady(blind, blind, 4).waits, profiled.Steady(blind, blind, 4).launches, profiled.Steady(blind, blind, 4).kernels):
            self.assertRaises(profiled.Unseen, count)
        graph = profiled.Trace([call("cudaGraphLaunch"), call("cudaStreamSynchronize")])
        self.assertRaisesRegex(profiled.Unseen, "0 kernels in 4 steps", profiled.Steady(graph, graph, 4).busy_ms)

    def test_a_kernel_is_named_by_what_it_does(self):
        inner = "at::native::(anonymous namespace)::silu_kernel(at::TensorIteratorBase&)::{lambda()#1}::operator()() const::{lambda(c10::Half)#1}"
        long = f"void at::native::vectorized_elementwise_kernel<4, {inner}, std::array<char*, 2ul> >(int, {inner}, std::array<char*, 2ul>)"
        self.assertEqual(profiled.short(long), "vectorized_elementwise_kernel<4, silu_kernel>")
        self.assertEqual(len(profiled.short("k" * 200)), 80)


class Compared(unittest.TestCase):
    def test_sides_take_turns_and_the_order_is_reversed_between_rounds(self):
        did = []
        sides = [Side(name, lambda name=name: Work(name, did)) for name in ("fedx", compare.PYTORCH)]
        said = figures(lambda: Comparison(no_torch("cpu"), "g", batch=8, steps=1, rounds=2).run(sides, 1))
        us, them = "fedx", compare.PYTORCH
        self.assertEqual(did, [us, them, us, them, them, us, "fedx closed", f"{them} closed"])
        self.assertGreater(said["g", "fedx, beside PyTorch eager"]["value"], 0)
        self.assertNotIn(("g", "PyTorch eager, beside PyTorch eager"), said)
        self.assertEqual(said["g", "fedx, peak memory"]["reason"], "only on a GPU")

    def test_a_side_that_fails_costs_nothing_of_the_others_and_only_the_engines_own_failure_is_one(self):
        did = []
        sides = [Side("fedx", lambda: Work("fedx", did, fails=[3])), Side(compare.PYTORCH, lambda: 1 / 0, ours=False), Side("other", lambda: Work("other", did))]
        said = figures(lambda: Comparison(no_torch("cuda"), "g", batch=8, steps=1, rounds=3).run(sides, 1))
        self.assertEqual([said["g", "fedx, a step"][part] for part in ("value", "ok", "reason")], [None, False, "expected finite numbers, got NaN or infinity"])
        self.assertEqual([said["g", "PyTorch eager, a step"].get("ok"), said["g", "PyTorch eager, a step"]["reason"]], [None, "division by zero"])
        self.assertGreater(said["g", "other, speed"]["value"], 0)
        self.assertEqual([name for name in did if "closed" in name], ["fedx closed", "other closed"])

    def test_on_a_gpu_memory_is_the_sides_own_and_a_promise_that_is_broken_is_said(self):
        state = dict(allocated=5 << 20, requests=0, graphs=[])

        class Graph(Work):
            def warm(self, steps):
                state["graphs"].append(dict(segment_pool_id=(0, 1), total_size=3 << 20, allocated_size=1 << 20))

            def work(self, steps):
                state["requests"] += 7 + steps

        cuda = types.SimpleNamespace(
            memory_snapshot=lambda: [dict(segment_pool_id=(0, 0), total_size=9 << 20, allocated_size=0), *state["graphs"]], empty_cache=lambda: None,
            memory_allocated=lambda: 5 << 20, max_memory_allocated=lambda: 15 << 20, reset_peak_memory_stats=lambda: None, synchronize=lambda: None,
            memory_stats=lambda: {"allocation.all.allocated": state["requests"]})
        gpu = types.SimpleNamespace(device="cuda", torch=types.SimpleNamespace(cuda=cuda), no_torch=None)
        before, profiled.steady = profiled.steady, lambda torch, work, steps: profiled.Steady(piece(4), piece(8), 4)
        try:
            said = figures(lambda: Comparison(gpu, "g", batch=8, steps=1, rounds=1).run([Side("fedx graph", lambda: Graph("a", []))], 4, 4))
        finally:
            profiled.steady = before
        self.assertEqual(said["g", "fedx graph, peak memory"]["value"], 12)
        self.assertEqual([said["g", f"fedx graph, {name} a step"]["value"] for name in ("kernels", "launches", "host waits")], [3, 2, 0])
        self.assertEqual([said["g", "fedx graph, host waits a step"][part] for part in ("bound", "ok")], ["0", True])
        self.assertEqual([said["g", "fedx graph, allocator requests a step"][part] for part in ("value", "ok")], [1, False])


class Planned(unittest.TestCase):
    def test_a_point_that_does_not_fit_the_time_left_is_none_with_the_reason(self):
        plan = fast.Fast.__new__(fast.Fast)
        plan.gpu, plan.scale, plan.shim, plan.no_pytorch = False, fast.CPU, no_torch("cpu"), "python3 has no PyTorch"
        plan.end, plan.took = time.monotonic() + 5, {("train", 224, 256): 6}
        point = fast.Point("train", 128, 32, "fp16", 32)
        said = figures(lambda: plan.measure(point, first=False))
        self.assertEqual({line["reason"] for line in said.values()}, {"no time left"})
        self.assertEqual(said["train 128 px, batch 32, fp16", "fedx graph, a step"]["value"], None)

    def test_every_point_of_a_gpu_is_asked_once(self):
        plan = fast.Fast.__new__(fast.Fast)
        plan.scale = fast.CUDA
        points = list(plan.points(fast.ORDER))
        train = {(p.size, p.batch, p.precision) for p in points if p.kind == "train"}
        self.assertEqual([len(points), len(train), len(set(points))], [12, 8, 12])

    def test_a_process_that_compiles_too_long_or_fails_is_none_with_the_reason(self):
        for limit, reason in {0: "more than the 0 s", 60: "ended with 1"}.items():
            answer, why = fast.ask({}, limit)
            self.assertIsNone(answer)
            self.assertRegex(why, reason)


class Written(unittest.TestCase):
    def test_a_figure_has_four_digits_and_what_is_no_number_is_text(self):
        said = figures(lambda: [shim.figure("g", "a", 12.34567, "ms"), shim.figure("g", "b", float("nan")), shim.figure("g", "c", None, reason="r")])
        self.assertEqual(list(said.values()), [
            dict(group="g", name="a", value=12.35, unit="ms"), dict(group="g", name="b", value="nan"), dict(group="g", name="c", value=None, reason="r")])


unittest.main()
