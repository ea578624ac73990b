// The GPU: the only file that names CUDA. Everything else is the same code as on the CPU (device.h).
#include <ATen/Context.h>
#include <ATen/cuda/CUDAGraph.h>
#include <ATen/ops/ones.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <dlfcn.h>

#include <filesystem>
#include <mutex>
#include <vector>

#include "device.h"

namespace fedx {
namespace {

// Held while kernels are chosen by their timing and while a step is recorded: choosing empties libtorch's cache of GPU memory, which it refuses
// while any stream of the process is being recorded. Settings and free streams are changed under it too.
std::mutex& alone() {
  static std::mutex mutex;
  return mutex;
}

// How the process computes on its GPU. libtorch has one setting for all engines, so while one lives that was made `deterministic`, all compute so.
// cuBLAS needs no setting: it gives the same bits where each stream has a workspace of its own, and libtorch gives it one for each.
class Settings {
 public:
  explicit Settings(bool deterministic) : deterministic_(deterministic) {
    at::Context& context = at::globalContext();
    context.lazyInitDevice(at::kCUDA);
    context.setAllowTF32CuDNN(false);  // full fp32 where fp32 is asked for
    context.setAllowTF32CuBLAS(false);
    context.setDeterministicFillUninitializedMemory(false);  // no kernel reads what none has written
    count(deterministic_ ? 1 : 0);
  }
  ~Settings() { count(deterministic_ ? -1 : 0); }
  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;

 private:
  static void count(int change) {
    static int engines = 0;
    const std::lock_guard lock(alone());
    engines += change;
    at::Context& context = at::globalContext();
    context.setDeterministicCuDNN(engines > 0);
    context.setDeterministicAlgorithms(engines > 0, false);  // a kernel that cannot be repeated throws
    if (engines > 0) context.setBenchmarkCuDNN(false);       // it would choose kernels by their timing
  }
  const bool deterministic_;
};

// Streams that no engine uses now. An engine takes one of them where there is one, since libtorch keeps memory and workspaces by stream.
std::vector<c10::cuda::CUDAStream>& free_streams() {
  static auto* const streams = new std::vector<c10::cuda::CUDAStream>();
  return *streams;
}

// While it lives, the thread that made it works on a stream that no other engine has: a recording takes in all that its stream gets.
class OwnStream {
 public:
  OwnStream() : guard_(take()) {}
  ~OwnStream() {
    const std::lock_guard lock(alone());
    free_streams().push_back(guard_.current_stream());
  }
  OwnStream(const OwnStream&) = delete;
  OwnStream& operator=(const OwnStream&) = delete;
  void synchronise() const { guard_.current_stream().synchronize(); }

 private:
  static c10::cuda::CUDAStream take() {
    const std::lock_guard lock(alone());
    if (free_streams().empty()) return c10::cuda::getStreamFromPool(false, 0);
    const c10::cuda::CUDAStream stream = free_streams().back();
    free_streams().pop_back();
    return stream;
  }
  c10::cuda::CUDAStreamGuard guard_;
};

// GPU 0 of those that CUDA_VISIBLE_DEVICES shows.
class Gpu final : public Device {
 public:
  Gpu(const std::string& model, bool deterministic) : model_(model), settings_(deterministic) {}
  ~Gpu() override {
    try {
      const std::lock_guard lock(alone());
      stream_.synchronise();
      c10::cuda::CUDACachingAllocator::emptyCache();  // other processes may need what this engine no longer does
    } catch (const std::exception&) {
      // what the GPU reports now, the step that it hit has reported
    }
  }

  at::Device where() const override { return at::Device(at::kCUDA, 0); }
  std::string name() const override { return "cuda " + model_; }

  // Through page-locked memory, which torch keeps until the copy has been done.
  void upload(const at::Tensor& from, const at::Tensor& to) override { to.copy_(from.pin_memory(), true); }

  void synchronise() override { stream_.synchronise(); }

  void tune(const std::function<void()>& work) override {
    const std::lock_guard lock(alone());
    const Benchmark timed(!at::globalContext().deterministicCuDNN());
    work();
  }

  std::function<void()> capture(std::function<void()> work) override {
    const std::lock_guard lock(alone());
    synchronise();
    c10::cuda::CUDACachingAllocator::emptyCache();  // what is recorded gets memory of its own, beside which that of the steps before may not fit
    auto graph = std::make_shared<at::cuda::CUDAGraph>();
    // Thread-local: other engines' threads and autograd's may call CUDA meanwhile.
    graph->capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
    try {
      work();
      graph->capture_end();
    } catch (...) {
      abandon(graph);
      throw;
    }
    return [graph] { graph->replay(); };
  }

 private:
  // Lets cuDNN time its kernels for shapes that it meets first.
  struct Benchmark {
    explicit Benchmark(bool on) : before(at::globalContext().benchmarkCuDNN()) { at::globalContext().setBenchmarkCuDNN(on); }
    ~Benchmark() { at::globalContext().setBenchmarkCuDNN(before); }
    Benchmark(const Benchmark&) = delete;
    Benchmark& operator=(const Benchmark&) = delete;
    const bool before;
  };

  // Ends a recording that failed; what that says is less than the failure under way. Where it cannot be ended, libtorch goes on to ask the graph
  // whose memory is whose, so that it must stay.
  static void abandon(const std::shared_ptr<at::cuda::CUDAGraph>& graph) noexcept {
    try {
      graph->capture_end();
    } catch (...) {
      static auto* const kept = new std::vector<std::shared_ptr<at::cuda::CUDAGraph>>();
      kept->push_back(graph);
    }
  }

  const std::string model_;
  const Settings settings_;
  const OwnStream stream_;
};

// Opens NVRTC's builtins, which lie beside libcudart, and keeps them open. cuDNN compiles some of its kernels with NVRTC, which then opens its
// builtins by their bare name; where pip has installed it no search path leads to them, and cuDNN would have to do with other kernels.
void open_builtins() {
  Dl_info cudart;
  if (dladdr(reinterpret_cast<void*>(&cudaGetErrorString), &cudart) == 0) return;
  std::error_code unreadable;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(cudart.dli_fname).parent_path(), unreadable)) {
    if (entry.path().filename().string().starts_with("libnvrtc-builtins.so.")) dlopen(entry.path().c_str(), RTLD_NOW);
  }
}

}  // namespace

std::unique_ptr<Device> open_cuda(bool deterministic, std::string& reason) {
  try {
    c10::cuda::device_count_ensure_non_zero();
    open_builtins();
    cudaDeviceProp properties;
    C10_CUDA_CHECK(cudaGetDeviceProperties(&properties, 0));
    auto gpu = std::make_unique<Gpu>(properties.name, deterministic);
    at::ones({1}, at::TensorOptions(gpu->where())).item<float>();  // libtorch may have no kernels for a GPU of this age
    return gpu;
  } catch (const c10::OutOfMemoryError&) {
    throw;  // there is one, and it works
  } catch (const c10::Error& e) {
    const std::string text = e.what_without_backtrace();
    reason = text.substr(0, text.find('\n'));
    return nullptr;
  }
}

}  // namespace fedx
