#include "conv_norm.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/silu.h>

#include "depthwise.h"

namespace fedx {
namespace {

constexpr double eps = 1e-5, momentum = .1;

at::Tensor convolve(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b, const ConvShape& shape) {
  const int64_t pad = (shape.weight[2] - 1) / 2;
  if (x.requires_grad() && is_depthwise(x, shape.weight[0], shape.groups)) return depthwise(x, w, shape.stride);
  return at::conv2d(x, w, b, {shape.stride, shape.stride}, {pad, pad}, {1, 1}, shape.groups);
}

}  // namespace

Norm::Norm(Parameters& p, const std::string& name, int64_t channels)
    : gamma(p.weight(name + ".weight", {channels})), beta(p.weight(name + ".bias", {channels})),
      mean(p.statistic(name + ".running_mean", channels, 0)), variance(p.statistic(name + ".running_var", channels, 1)) {}

at::Tensor Norm::train(const at::Tensor& x, const Pass& pass) const {
  return at::batch_norm(x, gamma->value, beta->value, mean->value, variance->value, !pass.fixed, momentum, eps, false);
}

at::Tensor Norm::scale() const { return gamma->value.detach() * at::rsqrt(variance->value + eps); }

at::Tensor Norm::offset(const at::Tensor& scale) const { return beta->value.detach() - mean->value * scale; }

ConvNorm::ConvNorm(Parameters& p, const std::string& conv, const std::string& norm, ConvShape shape, Activation activation, Group group)
    : weight_(p.weight(conv + ".weight", shape.weight, group)), norm_(p, norm, shape.weight[0]), shape_(std::move(shape)), activation_(activation) {}

void ConvNorm::list(std::vector<Slot*>& out) const {
  out.push_back(weight_);
  norm_.list(out);
}

at::Tensor ConvNorm::apply(const at::Tensor& x, const Pass& pass) const {
  at::Tensor y = pass.train ? norm_.train(convolve(x, weight_->value, {}, shape_), pass) : convolve(x, folded_, bias_, shape_);
  if (activation_ == Activation::relu) return at::relu_(y);
  if (activation_ == Activation::silu) return pass.train ? at::silu(y) : at::silu_(y);
  return y;
}

void ConvNorm::fold() {
  const at::Tensor scale = norm_.scale();
  folded_ = (weight_->value.detach() * scale.view({-1, 1, 1, 1})).contiguous(at::MemoryFormat::ChannelsLast);
  bias_ = norm_.offset(scale);
}

at::Tensor NormRelu::apply(const at::Tensor& x, const Pass& pass) const {
  at::Tensor y = pass.train ? norm_.train(x, pass) : at::addcmul(offset_, x, scale_);
  return at::relu_(y);
}

void NormRelu::fold() {
  const at::Tensor scale = norm_.scale();
  scale_ = scale.view({1, -1, 1, 1});
  offset_ = norm_.offset(scale).view({1, -1, 1, 1});
}

Conv::Conv(Parameters& p, const std::string& name, ConvShape shape) : weight_(p.weight(name + ".weight", shape.weight)), shape_(std::move(shape)) {}

at::Tensor Conv::apply(const at::Tensor& x) const { return convolve(x, weight_->value, {}, shape_); }

Classifier::Classifier(Parameters& p, const std::string& name, int64_t features)
    : weight_(p.weight(name + ".weight", {1, features}, Group::classifier)), bias_(p.weight(name + ".bias", {1}, Group::classifier)) {}

at::Tensor Classifier::apply(const at::Tensor& features) const { return at::linear(features, weight_->value, bias_->value); }

at::Tensor channel_means(const at::Tensor& x) { return at::adaptive_avg_pool2d(x, {1, 1}).flatten(1); }

at::Tensor max_pool_by_slices(const at::Tensor& x) {
  at::Tensor y = at::constant_pad_nd(x, {1, 1, 1, 1});
  for (int64_t side : {2, 3}) {
    const int64_t last = 2 * ((y.size(side) - 3) / 2);
    const auto slice = [&](int64_t first) { return y.slice(side, first, first + last + 1, 2); };
    y = at::maximum(at::maximum(slice(0), slice(1)), slice(2));
  }
  return y;
}

PooledStem::PooledStem(Parameters& p, const std::string& conv, const std::string& norm, int64_t channels)
    : conv_(p, conv, norm, {{64, channels, 7, 7}, 2}, Activation::relu, Group::stem) {
  conv_.list(weights_);
  first = true;
}

at::Tensor PooledStem::apply(const at::Tensor& x, const Pass& pass) {
  const at::Tensor y = conv_.apply(x, pass);
  if (pass.train && pass.config.deterministic && !y.is_cpu()) return max_pool_by_slices(y);
  return at::max_pool2d(y, {3, 3}, {2, 2}, {1, 1});
}

}  // namespace fedx
