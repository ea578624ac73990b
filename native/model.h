// What the owner thread holds: one network and its optimizer; steps, scores, state in and out. Functions throw Failure.
#pragma once
#include <ATen/core/Tensor.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "efficientnet.h"
#include "engine.h"
#include "recipe.h"

namespace fedx {

class Model {
 public:
  // Both references must outlive the model; once `stopping` is not 0, chunks end with that code.
  Model(const Config& config, const std::atomic<int32_t>& stopping);

  // As fedx_layout describes it.
  std::string layout() const;
  std::vector<TensorInfo> tensors() const;
  // As fedx_wait describes them.
  std::vector<uint8_t> train(const Data& data, const TrainPlan& plan);
  std::vector<uint8_t> predict(const Data& data, const std::vector<uint32_t>& rows);
  std::vector<uint8_t> read(uint32_t kind) const;
  void write(uint32_t kind, std::vector<uint8_t>& in);
  // PARAMS as f64 whatever the precision.
  std::vector<uint8_t> read_exact() const;

 private:
  void check_stop() const;
  // Pixels of `count` rows as the network's input, (count, channels, size, size) channels last.
  at::Tensor input(const Data& data, const uint32_t* rows, uint32_t count, bool augment, uint32_t step) const;
  // Forward, loss, backward: fills the gradient buffer, returns the loss. Running statistics move with the batch, also
  // where the step is then skipped (as under PyTorch's GradScaler), unless they would not be finite: that would be for good.
  double differentiate(const Data& data, const uint32_t* rows, uint32_t step);
  template <class T>
  double gradient_norm() const;
  template <class T>
  void update(double lr_factor, double scale);
  const at::Tensor& moment(uint32_t kind) const;
  size_t state_bytes(uint32_t kind) const;
  // `flat` in layout order and OIHW, as T. Moments have no statistics.
  template <class T>
  std::vector<uint8_t> copy_out(const at::Tensor& flat) const;

  const Config& config;
  const std::atomic<int32_t>& stopping;
  at::ScalarType type;
  std::unique_ptr<Network> net;
  std::vector<Span> spans;
  at::Tensor statistics, kept;  // BatchNorm's running ones, a part of the flat buffer; their copy from before the step
  at::Tensor m, v, vmax;  // (weights), in the flat buffer's own order
  double adam_steps = 0;
  bool folded = false;  // the folded weights belong to the current parameters
};

}  // namespace fedx
