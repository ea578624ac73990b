#include <ATen/TensorOperators.h>
#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>

#include <optional>

#include "conv_norm.h"
#include "network.h"

namespace fedx {
namespace {

struct Stage {
  int64_t expand, kernel, stride, in, out, layers;
};
constexpr Stage stages[7] = {
    {1, 3, 1, 32, 16, 1},  {6, 3, 2, 16, 24, 2},   {6, 5, 2, 24, 40, 2},   {6, 3, 2, 40, 80, 3},
    {6, 5, 1, 80, 112, 3}, {6, 5, 2, 112, 192, 4}, {6, 3, 1, 192, 320, 1},
};
constexpr uint32_t layers = 16;
constexpr int64_t features = 1280;

// As torchvision names them: `name`.0 and the BatchNorm `name`.1.
ConvNorm conv_norm(Parameters& p, const std::string& name, ConvShape shape, Activation activation, Group group = Group::backbone) {
  return {p, name + ".0", name + ".1", std::move(shape), activation, group};
}

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
  Stem(Parameters& p, int64_t channels) : conv_(conv_norm(p, "features.0", {{32, channels, 3, 3}, 2}, Activation::silu, Group::stem)) {
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
    if (s.expand != 1) expand_.emplace(conv_norm(p, next(), {{wide, in, 1, 1}}, Activation::silu));
    depthwise_.emplace(conv_norm(p, next(), {{wide, 1, s.kernel, s.kernel}, stride, wide}, Activation::silu));
    gate_.emplace(p, next(), wide, std::max<int64_t>(1, in / 4));
    project_.emplace(conv_norm(p, next(), {{s.out, wide, 1, 1}}, Activation::none));
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
  std::optional<ConvNorm> expand_, depthwise_, project_;
  std::optional<SqueezeExcite> gate_;
  uint32_t layer_;  // 0..15: its stochastic-depth rate is recipe's · layer / 16
  bool residual_;
};

class Head final : public PlainBlock {
 public:
  explicit Head(Parameters& p)
      : conv_(conv_norm(p, "features.8", {{features, 320, 1, 1}}, Activation::silu)), classifier_(p, "classifier.1", features) {
    conv_.list(weights_);
    classifier_.list(weights_);
  }
  void fold() override { conv_.fold(); }

 protected:
  at::Tensor apply(const at::Tensor& x, const Pass& pass) override {
    at::Tensor y = channel_means(conv_.apply(x, pass));
    const double p = pass.config.recipe.dropout;
    if (pass.train && p > 0) y = y * dropout_mask(pass, p, y);
    return classifier_.apply(y);
  }

 private:
  ConvNorm conv_;
  Classifier classifier_;
};

}  // namespace

void efficientnet_b0(Network& network, uint32_t channels) {
  network.randoms = {layers, features};
  network.blocks.push_back(std::make_unique<Stem>(network.parameters, channels));
  uint32_t layer = 0;
  for (int s = 0; s < 7; ++s) {
    for (int64_t j = 0; j < stages[s].layers; ++j, ++layer) {
      const std::string name = "features." + std::to_string(s + 1) + "." + std::to_string(j);
      network.blocks.push_back(std::make_unique<MBConv>(network.parameters, name, stages[s], j > 0, layer));
    }
  }
  network.blocks.push_back(std::make_unique<Head>(network.parameters));
}

}  // namespace fedx
