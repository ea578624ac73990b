#include "device.h"

#include "failure.h"
#include "fedx.h"

namespace fedx {
namespace {

class Cpu final : public Device {
 public:
  at::Device where() const override { return at::kCPU; }
  std::string name() const override { return "cpu"; }
  void upload(const at::Tensor& from, const at::Tensor& to) override { to.copy_(from); }
  void synchronise() override {}
  std::function<void()> capture(std::function<void()> work) override { return work; }
  void tune(const std::function<void()>& work) override { work(); }
};

}  // namespace

std::unique_ptr<Device> open_device(const std::string& name, bool deterministic) {
  if (name == "cpu") return std::make_unique<Cpu>();
  std::string reason;
  if (open_cuda != nullptr) {
    if (auto gpu = open_cuda(deterministic, reason)) return gpu;
  }
  if (name == "auto") return std::make_unique<Cpu>();
  const char* const remedy = ", or choose device \"cpu\" or \"auto\"";
  if (open_cuda == nullptr) {
    throw Failure(FEDX_E_NOT_BUILT, std::string("Cannot use device \"cuda\": expected a GPU, got the library built for the CPU only, which is used "
                                                "where libtorch_cuda.so or the NVIDIA driver (libcuda.so.1) is missing; install them") + remedy);
  }
  throw Failure(FEDX_E_DEVICE, "Cannot use device \"cuda\": expected a GPU, got none (" + reason +
                                   "); see whether nvidia-smi lists one and what CUDA_VISIBLE_DEVICES says" + remedy);
}

}  // namespace fedx
