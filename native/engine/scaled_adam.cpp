#include "scaled_adam.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/_amp_foreach_non_finite_check_and_unscale.h>
#include <ATen/ops/_amp_update_scale.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros.h>

namespace fedx {

ScaledAdam::ScaledAdam(State state, std::vector<Span> spans, const Recipe& recipe, bool scaled, LossScale rule)
    : state_(std::move(state)), spans_(std::move(spans)), recipe_(recipe), scaled_(scaled), rule_(rule) {
  const auto options = state_.values.options().dtype(at::kFloat);
  scale_ = at::empty({1}, options);
  steps_ = at::empty({1}, options);
  good_ = at::empty({1}, options.dtype(at::kInt));
  reset();
}

ScaledAdam::Outcome ScaledAdam::step(const at::Tensor& loss, const at::Tensor& lr_factor, const at::Tensor& clip) {
  at::Tensor skipped = at::zeros({1}, scale_.options());
  at::_amp_foreach_non_finite_check_and_unscale_({state_.gradients}, skipped, scale_.reciprocal());
  const at::Tensor norm = at::linalg_vector_norm(state_.gradients, 2).view({1});
  const at::Tensor finite = at::isfinite(norm) & at::isfinite(loss);
  skipped.masked_fill_(finite.logical_not_(), 1);
  state_.gradients.mul_((clip / (norm + 1e-6)).clamp_max_(1));
  // GradScaler counts a step before it knows whether it is skipped, then takes it back: the kernel reads the new count.
  steps_.add_(1);
  for (const Span& span : spans_) {
    const auto part = [&](const at::Tensor& flat) {
      return std::vector<at::Tensor>{flat.narrow(0, int64_t(span.begin), int64_t(span.end - span.begin))};
    };
    at::_fused_adamw_(part(state_.values), part(state_.gradients), part(state_.m), part(state_.v), part(state_.vmax), {steps_},
                      lr_factor * (recipe_.lr * span.factor), recipe_.beta1, recipe_.beta2, recipe_.weight_decay, recipe_.eps, recipe_.amsgrad, false,
                      {}, skipped);
  }
  steps_.sub_(skipped);
  if (scaled_) at::_amp_update_scale_(scale_, good_, skipped, rule_.growth, rule_.backoff, rule_.interval);
  return {norm, skipped};
}

std::vector<double> ScaledAdam::scalars() const {
  return {steps_.item<double>(), scale_.item<double>(), good_.item<double>()};
}

void ScaledAdam::set_scalars(double steps, double scale, double good) {
  steps_.fill_(steps);
  scale_.fill_(scaled_ ? scale : 1);
  good_.fill_(int64_t(good));
}

}  // namespace fedx
