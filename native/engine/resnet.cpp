#include <ATen/TensorOperators.h>
#include <ATen/ops/relu.h>

#include <optional>

#include "conv_norm.h"
#include "network.h"

namespace fedx {
namespace {

class BasicBlock final : public PlainBlock {
 public:
  BasicBlock(Parameters& p, const std::string& name, int64_t in, int64_t out, int64_t stride)
      : first_(p, name + ".conv1", name + ".bn1", {{out, in, 3, 3}, stride}, Activation::relu),
        second_(p, name + ".conv2", name + ".bn2", {{out, out, 3, 3}}, Activation::none) {
    if (in != out) shortcut_.emplace(p, name + ".downsample.0", name + ".downsample.1", ConvShape{{out, in, 1, 1}, stride}, Activation::none);
    first_.list(weights_);
    second_.list(weights_);
    if (shortcut_) shortcut_->list(weights_);
  }
  void fold() override {
    first_.fold();
    second_.fold();
    if (shortcut_) shortcut_->fold();
  }

 protected:
  at::Tensor apply(const at::Tensor& x, const Pass& pass) override {
    at::Tensor y = second_.apply(first_.apply(x, pass), pass);
    const at::Tensor same = shortcut_ ? shortcut_->apply(x, pass) : x;
    y = pass.train ? y + same : y.add_(same);
    return at::relu_(y);
  }

 private:
  ConvNorm first_, second_;
  std::optional<ConvNorm> shortcut_;
};

class Head final : public PlainBlock {
 public:
  explicit Head(Parameters& p) : classifier_(p, "fc", 512) { classifier_.list(weights_); }
  void fold() override {}

 protected:
  at::Tensor apply(const at::Tensor& x, const Pass&) override { return classifier_.apply(channel_means(x)); }

 private:
  Classifier classifier_;
};

}  // namespace

void resnet18(Network& network, uint32_t channels) {
  Parameters& p = network.parameters;
  network.blocks.push_back(std::make_unique<PooledStem>(p, "conv1", "bn1", channels));
  int64_t in = 64;
  for (int stage = 1; stage <= 4; ++stage) {
    const int64_t out = int64_t{32} << stage;
    for (int j = 0; j < 2; ++j, in = out) {
      const std::string name = "layer" + std::to_string(stage) + "." + std::to_string(j);
      network.blocks.push_back(std::make_unique<BasicBlock>(p, name, in, out, in == out ? 1 : 2));
    }
  }
  network.blocks.push_back(std::make_unique<Head>(p));
}

}  // namespace fedx
