// Where an engine computes: the one seam between the device-agnostic steps (device_steps.h) and a device. Functions throw Failure.
#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>

namespace fedx {

// Made, used and freed on the engine's own thread.
class Device {
 public:
  virtual ~Device() = default;
  virtual at::Device where() const = 0;
  // "cpu", or "cuda" and the GPU's name.
  virtual std::string name() const = 0;
  // Copies host values into `to`, in stream order; does not wait for the device. `from` may be changed at once.
  virtual void upload(const at::Tensor& from, const at::Tensor& to) = 0;
  // Waits for everything queued so far. Throws what the device reports.
  virtual void synchronise() = 0;
  // Does `work` again each time the result is called. A GPU records it once, here, without doing it, and replays the recording: `work` must
  // read and write the same addresses each time, must not wait for the device, and must have run before (libraries tune on first use).
  virtual std::function<void()> capture(std::function<void()> work) = 0;
  // Does `work` once, at once. A GPU may try several kernels for each shape that it has not met yet, and keeps to the fastest.
  virtual void tune(const std::function<void()>& work) = 0;
};

// "cpu", "cuda", or "auto": a GPU where this library is built for one and one is there. `deterministic`: the same input gives the same
// bits, which the CPU always does. Throws FEDX_E_NOT_BUILT or FEDX_E_DEVICE.
std::unique_ptr<Device> open_device(const std::string& name, bool deterministic);

// The GPU of this process, or null with the reason. Defined by cuda.cpp alone: its address is null in the library for the CPU.
__attribute__((weak)) std::unique_ptr<Device> open_cuda(bool deterministic, std::string& reason);

}  // namespace fedx
