// What the owner thread holds: one network, its optimizer's state and who trains it; state in and out. Functions throw Failure.
#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "device/device.h"
#include "steps.h"

namespace fedx {

class Model {
 public:
  // Both references must outlive the model; once `stopping` is not 0, chunks end with that code.
  Model(const Config& config, const std::atomic<int32_t>& stopping);

  // As fedx_layout and fedx_engine_device describe them.
  std::string layout() const;
  std::string device() const { return device_->name(); }
  std::vector<TensorInfo> tensors() const;
  // As fedx_wait describes them.
  std::vector<uint8_t> train(const std::shared_ptr<const Data>& data, const TrainPlan& plan);
  std::vector<uint8_t> predict(const std::shared_ptr<const Data>& data, const std::vector<uint32_t>& rows);
  std::vector<uint8_t> read(uint32_t kind) const;
  void write(uint32_t kind, std::vector<uint8_t>& in);
  // PARAMS as f64 whatever the precision.
  std::vector<uint8_t> read_exact() const;

 private:
  const at::Tensor& moment(uint32_t kind) const;
  size_t state_bytes(uint32_t kind) const;
  // `flat` in layout order and OIHW, as T. Moments have no statistics.
  template <class T>
  std::vector<uint8_t> copy_out(const at::Tensor& flat) const;
  // The other way round, into the same memory: captured steps know its address.
  void copy_in(const at::Tensor& flat, float* in);

  std::unique_ptr<Device> device_;  // first, so that it outlives every tensor
  Workspace work;
  std::unique_ptr<Steps> steps;
  bool folded = false;  // the folded weights belong to the current parameters
};

}  // namespace fedx
