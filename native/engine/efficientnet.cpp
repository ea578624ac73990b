#include "efficientnet.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/add.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/sub.h>

namespace fedx {
namespace {

constexpr double bn_eps = 1e-5, bn_momentum = .1;

struct Stage {
  int64_t expand, kernel, stride, in, out, layers;
};
constexpr Stage stages[7] = {
    {1, 3, 1, 32, 16, 1},  {6, 3, 2, 16, 24, 2},   {6, 5, 2, 24, 40, 2},   {6, 3, 2, 40, 80, 3},
    {6, 5, 1, 80, 112, 3}, {6, 5, 2, 112, 192, 4}, {6, 3, 1, 192, 320, 1},
};
constexpr uint32_t layers = 16;
constexpr int64_t features = 1280;

// Convolution, BatchNorm and, unless it projects, SiLU.
struct ConvNorm {
  Slot *weight, *gamma, *beta, *mean, *variance;
  int64_t kernel, stride, groups;
  bool activate;
  at::Tensor folded, bias;  // weight and bias with the running statistics folded in

  ConvNorm(Parameters& p, const std::string& name, std::vector<int64_t> shape, int64_t stride, int64_t groups, bool activate,
           Group group = Group::backbone)
      : kernel(shape[2]), stride(stride), groups(groups), activate(activate) {
    const int64_t out = shape[0];
    weight = p.weight(name + ".0.weight", std::move(shape), group);
    gamma = p.weight(name + ".1.weight", {out});
    beta = p.weight(name + ".1.bias", {out});
    mean = p.statistic(name + ".1.running_mean", out, 0);
    variance = p.statistic(name + ".1.running_var", out, 1);
  }

  void list(std::vector<Slot*>& out) const { out.insert(out.end(), {weight, gamma, beta}); }

  at::Tensor convolve(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b) const {
    const int64_t pad = (kernel - 1) / 2;
    return at::conv2d(x, w, b, {stride, stride}, {pad, pad}, {1, 1}, groups);
  }

  at::Tensor apply(const at::Tensor& x, const Pass& pass) const {
    if (!pass.train) {
      at::Tensor y = convolve(x, folded, bias);
      return activate ? at::silu_(y) : y;
    }
    at::Tensor y = convolve(x, weight->value, {});
    y = at::batch_norm(y, gamma->value, beta->value, mean->value, variance->value, !pass.config.recipe.freeze_statistics, bn_momentum,
                       bn_eps, false);
    return activate ? at::silu(y) : y;
  }

  void fold() {
    const at::Tensor scale = gamma->value.detach() * at::rsqrt(variance->value + bn_eps);
    folded = (weight->value.detach() * scale.view({-1, 1, 1, 1})).contiguous(at::MemoryFormat::ChannelsLast);
    bias = beta->value.detach() - mean->value * scale;
  }
};

// Scales channels by a gate computed from their means: sigmoid(fc2(silu(fc1(mean)))).
struct SqueezeExcite {
  Slot *reduce, *reduce_bias, *expand, *expand_bias;

  SqueezeExcite(Parameters& p, const std::string& name, int64_t channels, int64_t squeezed) {
    reduce = p.weight(name + ".fc1.weight", {squeezed, channels, 1, 1});
    reduce_bias = p.weight(name + ".fc1.bias", {squeezed});
    expand = p.weight(name + ".fc2.weight", {channels, squeezed, 1, 1});
    expand_bias = p.weight(name + ".fc2.bias", {channels});
  }

  void list(std::vector<Slot*>& out) const { out.insert(out.end(), {reduce, reduce_bias, expand, expand_bias}); }

  at::Tensor apply(const at::Tensor& x, const Pass& pass) const {
    at::Tensor s = at::adaptive_avg_pool2d(x, {1, 1});
    s = at::silu(at::conv2d(s, reduce->value, reduce_bias->value));
    s = at::sigmoid(at::conv2d(s, expand->value, expand_bias->value));
    return pass.train ? at::mul(x, s) : at::Tensor(x).mul_(s);
  }
};

// (N, 1, 1, 1): 0 where the sample skips the block, else 1 / (1 − p).
at::Tensor depth_mask(const Pass& pass, uint32_t layer, double p, const at::Tensor& like) {
  if (pass.masks) return pass.masks->depth.select(0, layer).view({-1, 1, 1, 1});
  at::Tensor mask = at::empty({like.size(0), 1, 1, 1}, at::TensorOptions(at::kDouble));
  for (int64_t i = 0; i < like.size(0); ++i) {
    const Words w = block(pass.config.key, Purpose::depth, layer, pass.step, uint32_t(i), 0);
    mask.data_ptr<double>()[i] = uniform(w[0]) < p ? 0 : 1 / (1 - p);
  }
  return mask.to(like.options());
}

// (N, features): dropout's mask, scaled by 1 / (1 − p).
at::Tensor dropout_mask(const Pass& pass, double p, const at::Tensor& like) {
  if (pass.masks) return pass.masks->dropout;
  at::Tensor mask = at::empty(like.sizes(), at::TensorOptions(at::kDouble));
  double* out = mask.data_ptr<double>();
  for (int64_t i = 0; i < like.size(0); ++i) {
    for (int64_t f = 0; f < like.size(1); ++f) {
      const Words w = block(pass.config.key, Purpose::dropout, 0, pass.step, uint32_t(i), uint32_t(f / 4));
      *out++ = uniform(w[size_t(f % 4)]) < p ? 0 : 1 / (1 - p);
    }
  }
  return mask.to(like.options());
}

class Stem final : public PlainBlock {
 public:
  Stem(Parameters& p, int64_t channels) : conv_(p, "features.0", {32, channels, 3, 3}, 2, 1, true, Group::stem) {
    conv_.list(weights_);
    first = true;
  }
  void fold() override { conv_.fold(); }

 protected:
  at::Tensor apply(const at::Tensor& x, const Pass& pass) override { return conv_.apply(x, pass); }

 private:
  ConvNorm conv_;
};

class MBConv final : public PlainBlock {
 public:
  MBConv(Parameters& p, const std::string& name, const Stage& s, bool again, uint32_t layer) : layer_(layer) {
    const int64_t in = again ? s.out : s.in, wide = in * s.expand, stride = again ? 1 : s.stride;
    int part = 0;
    const auto next = [&] { return name + ".block." + std::to_string(part++); };
    if (s.expand != 1) expand_ = std::make_unique<ConvNorm>(p, next(), std::vector<int64_t>{wide, in, 1, 1}, 1, 1, true);
    depthwise_ = std::make_unique<ConvNorm>(p, next(), std::vector<int64_t>{wide, 1, s.kernel, s.kernel}, stride, wide, true);
    gate_ = std::make_unique<SqueezeExcite>(p, next(), wide, std::max<int64_t>(1, in / 4));
    project_ = std::make_unique<ConvNorm>(p, next(), std::vector<int64_t>{s.out, wide, 1, 1}, 1, 1, false);
    residual_ = stride == 1 && in == s.out;
    if (expand_) expand_->list(weights_);
    depthwise_->list(weights_);
    gate_->list(weights_);
    project_->list(weights_);
  }
  void fold() override {
    if (expand_) expand_->fold();
    depthwise_->fold();
    project_->fold();
  }

 protected:
  at::Tensor apply(const at::Tensor& x, const Pass& pass) override {
    at::Tensor y = expand_ ? expand_->apply(x, pass) : x;
    y = project_->apply(gate_->apply(depthwise_->apply(y, pass), pass), pass);
    if (!residual_) return y;
    if (!pass.train) return y.add_(x);
    const double p = pass.config.recipe.stochastic_depth * layer_ / layers;
    return p > 0 ? at::addcmul(x, y, depth_mask(pass, layer_, p, y)) : y + x;
  }

 private:
  std::unique_ptr<ConvNorm> expand_, depthwise_, project_;
  std::unique_ptr<SqueezeExcite> gate_;
  uint32_t layer_;  // 0..15: its stochastic-depth rate is recipe's · layer / 16
  bool residual_;
};

class Head final : public PlainBlock {
 public:
  explicit Head(Parameters& p) : conv_(p, "features.8", {features, 320, 1, 1}, 1, 1, true) {
    weight_ = p.weight("classifier.1.weight", {1, features}, Group::classifier);
    bias_ = p.weight("classifier.1.bias", {1}, Group::classifier);
    conv_.list(weights_);
    weights_.insert(weights_.end(), {weight_, bias_});
  }
  void fold() override { conv_.fold(); }

 protected:
  at::Tensor apply(const at::Tensor& x, const Pass& pass) override {
    at::Tensor y = at::adaptive_avg_pool2d(conv_.apply(x, pass), {1, 1}).flatten(1);
    const double p = pass.config.recipe.dropout;
    if (pass.train && p > 0) y = y * dropout_mask(pass, p, y);
    return at::linear(y, weight_->value, bias_->value);
  }

 private:
  ConvNorm conv_;
  Slot *weight_, *bias_;
};

}  // namespace

std::unique_ptr<Network> efficientnet_b0(uint32_t channels, at::ScalarType type, at::Device where) {
  auto net = std::make_unique<Network>();
  net->randoms = {layers, features};
  net->blocks.push_back(std::make_unique<Stem>(net->parameters, channels));
  uint32_t layer = 0;
  for (int s = 0; s < 7; ++s) {
    for (int64_t j = 0; j < stages[s].layers; ++j, ++layer) {
      const std::string name = "features." + std::to_string(s + 1) + "." + std::to_string(j);
      net->blocks.push_back(std::make_unique<MBConv>(net->parameters, name, stages[s], j > 0, layer));
    }
  }
  net->blocks.push_back(std::make_unique<Head>(net->parameters));
  net->parameters.allocate(type, where);
  return net;
}

}  // namespace fedx
