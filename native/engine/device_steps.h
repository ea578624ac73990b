// Steps on any device, in operations that every device has: pixels stay there, everything a chunk needs is uploaded or drawn at its start,
// results are copied back once at its end, and in between the host only queues work.
#pragma once
#include "device/device.h"
#include "draws.h"
#include "scaled_adam.h"
#include "steps.h"

namespace fedx {

class DeviceSteps final : public Steps {
 public:
  // Both must outlive it. `lower`: the type of automatic mixed precision, kHalf or kBFloat16, which brings loss scaling; work's own type for none.
  DeviceSteps(Workspace& work, Device& device, at::ScalarType lower);

  std::vector<uint8_t> train(const std::shared_ptr<const Data>& data, const TrainPlan& plan) override;
  std::vector<uint8_t> predict(const std::shared_ptr<const Data>& data, const std::vector<uint32_t>& rows) override;
  std::vector<double> scalars() const override { return adam_.scalars(); }
  void set_scalars(const std::vector<double>& values) override;

 private:
  // Makes `data` resident unless it is; the set before it is let go.
  void hold(const std::shared_ptr<const Data>& data);
  // Fills `plan_` and `draws_` for `count` steps from the plan's step `first`.
  void load(const TrainPlan& plan, size_t first, int64_t count);
  // The step that `at_` points to; moves it on. Reads and writes fixed addresses only, so that it can be captured.
  void step();
  void run_step();
  at::Tensor current(const at::Tensor& of_steps) const;

  Workspace& work_;
  Device& device_;
  const at::ScalarType lower_;
  const int64_t room_;  // steps that are loaded at once
  ScaledAdam adam_;

  std::weak_ptr<const Data> held_;
  uint64_t version_ = 0;
  at::Tensor images_, labels_;  // (n, h · w) u8, (n) of work's type

  struct Plan {
    at::Tensor rows;      // (room, batch) i64
    at::Tensor lr, clip;  // (room) of work's type
  } plan_;
  Draws draws_;               // of `room` steps
  at::Tensor at_;             // (1) i64: the step within what is loaded
  at::Tensor columns_;        // (1, room) i64: 0, 1, 2, …
  at::Tensor done_;           // (2, room) f32: losses, gradient norms
  at::Tensor skipped_;        // (1) f32: steps of this chunk
  bool fixed_ = false;            // BatchNorm's statistics stay
  std::function<void()> replay_;  // of a captured step
  int eager_ = 0;                 // steps since `images_` came or `fixed_` changed, as many as are done before a capture at most
};

}  // namespace fedx
