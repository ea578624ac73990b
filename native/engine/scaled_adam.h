// AdamW with AMSGrad behind dynamic loss scaling, as torch.amp.GradScaler does it, but decided on the device: nothing here waits for it.
#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "config.h"
#include "recipe.h"

namespace fedx {

// GradScaler's rule and its numbers: × backoff after a step with a gradient that is not finite, × growth after `interval` good steps in a row.
struct LossScale {
  double initial = 65536, growth = 2, backoff = .5;
  int64_t interval = 2000;
};

class ScaledAdam {
 public:
  // All tensors flat, of one type, on one device, and of the same length; `values` and `gradients` may be views. Without `scaled` the loss scale stays 1.
  struct State {
    at::Tensor values, gradients, m, v, vmax;
  };
  ScaledAdam(State state, std::vector<Span> spans, const Recipe& recipe, bool scaled, LossScale rule = {});

  // What a gradient is to be multiplied by: f32 (1), on the device, at a fixed address.
  const at::Tensor& scale() const { return scale_; }
  // One step on gradients that carry `scale`: unscales and clips them, updates the weights unless `loss` or a gradient is not finite, adapts the scale.
  // loss, lr_factor, clip: (1) on the device; clip may be infinite. Returns the norm before clipping and whether the step was skipped (f32 1 or 0), (1) each.
  struct Outcome {
    at::Tensor norm, skipped;
  };
  Outcome step(const at::Tensor& loss, const at::Tensor& lr_factor, const at::Tensor& clip);

  // Steps done, loss scale, good steps since the scale last changed. Reading them waits for the device.
  std::vector<double> scalars() const;
  void set_scalars(double steps, double scale, double good);
  // As a run starts: no steps, the initial scale.
  void reset() { set_scalars(0, scaled_ ? rule_.initial : 1, 0); }

 private:
  State state_;
  std::vector<Span> spans_;
  const Recipe recipe_;
  const bool scaled_;
  const LossScale rule_;
  at::Tensor scale_, good_, steps_;  // (1) each: f32, i32, f32
};

}  // namespace fedx
