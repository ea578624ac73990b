// The GPU: the only file that names CUDA. Everything else is the same code as on the CPU (device.h).
#include <ATen/Context.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "device.h"

namespace fedx {
namespace {

// GPU 0 of those that CUDA_VISIBLE_DEVICES shows. While it lives, its thread works on a stream of its own: captures need one.
class Gpu final : public Device {
 public:
  explicit Gpu(const std::string& model) : model_(model), stream_(c10::cuda::getStreamFromPool(false, 0)) {}

  at::Device where() const override { return at::Device(at::kCUDA, 0); }
  std::string name() const override { return "cuda " + model_; }

  // Through page-locked memory, which torch keeps until the copy has been done.
  void upload(const at::Tensor& from, const at::Tensor& to) override { to.copy_(from.pin_memory(), true); }

  void synchronise() override { stream_.current_stream().synchronize(); }

  std::function<void()> capture(std::function<void()> work) override {
    synchronise();
    auto graph = std::make_shared<at::cuda::CUDAGraph>();
    // Thread-local: other engines' threads and autograd's may call CUDA meanwhile.
    graph->capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
    try {
      work();
    } catch (...) {
      abandon(*graph);
      throw;
    }
    graph->capture_end();
    return [graph] { graph->replay(); };
  }

 private:
  // Ends a capture that failed; what it says is less than the failure under way.
  static void abandon(at::cuda::CUDAGraph& graph) noexcept {
    try {
      graph.capture_end();
    } catch (...) {
    }
  }

  std::string model_;
  c10::cuda::CUDAStreamGuard stream_;
};

// For all engines of the process: the same bits from the same input, and full fp32 where fp32 is asked for.
void configure() {
  at::Context& context = at::globalContext();
  context.lazyInitDevice(at::kCUDA);
  context.setDeterministicCuDNN(true);
  context.setBenchmarkCuDNN(false);  // it would choose kernels by their timing
  context.setAllowTF32CuDNN(false);
  context.setAllowTF32CuBLAS(false);
}

}  // namespace

std::unique_ptr<Device> open_cuda(std::string& reason) {
  try {
    c10::cuda::device_count_ensure_non_zero();
    cudaDeviceProp properties;
    C10_CUDA_CHECK(cudaGetDeviceProperties(&properties, 0));
    configure();
    return std::make_unique<Gpu>(properties.name);
  } catch (const c10::Error& e) {
    reason = e.what_without_backtrace();
    return nullptr;
  }
}

}  // namespace fedx
