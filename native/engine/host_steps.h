// Steps on the CPU: threads over plain memory, in f32 or f64.
#pragma once
#include "steps.h"

namespace fedx {

class HostSteps final : public Steps {
 public:
  explicit HostSteps(Workspace& work);
  std::vector<uint8_t> train(const std::shared_ptr<const Data>& data, const TrainPlan& plan) override;
  std::vector<uint8_t> predict(const std::shared_ptr<const Data>& data, const std::vector<uint32_t>& rows) override;
  std::vector<double> scalars() const override { return {adam_steps_, 1, 0}; }
  void set_scalars(const std::vector<double>& values) override { adam_steps_ = values.empty() ? 0 : values[0]; }

 private:
  // Pixels of `count` rows as the network's input, (count, channels, size, size) channels last.
  at::Tensor input(const Data& data, const uint32_t* rows, uint32_t count, bool augment, uint32_t step) const;
  // Forward, loss, backward: fills the gradient buffer, returns the loss. Running statistics move with the batch unless they are fixed, also
  // where the step is then skipped (as under PyTorch's GradScaler), unless they would not be finite: that would be for good.
  double differentiate(const Data& data, const uint32_t* rows, uint32_t step, bool fixed);
  template <class T>
  double gradient_norm() const;
  template <class T>
  void update(double lr_factor, double scale);

  Workspace& work_;
  at::Tensor kept_;  // the statistics before the step
  double adam_steps_ = 0;
};

}  // namespace fedx
