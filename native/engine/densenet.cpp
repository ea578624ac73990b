#include <ATen/TensorOperators.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/cat.h>

#include "conv_norm.h"
#include "network.h"

namespace fedx {
namespace {

constexpr int64_t growth = 32, bottleneck = 4 * growth;
constexpr int layers[4] = {6, 12, 24, 16};

// Appends `growth` channels to its input.
class DenseLayer final : public PlainBlock {
 public:
  DenseLayer(Parameters& p, const std::string& name, int64_t in)
      : norm_(p, name + ".norm1", in), narrow_(p, name + ".conv1", name + ".norm2", {{bottleneck, in, 1, 1}}, Activation::relu),
        grow_(p, name + ".conv2", {{growth, bottleneck, 3, 3}}) {
    norm_.list(weights_);
    narrow_.list(weights_);
    grow_.list(weights_);
  }
  void fold() override {
    norm_.fold();
    narrow_.fold();
  }

 protected:
  at::Tensor apply(const at::Tensor& x, const Pass& pass) override {
    return at::cat({x, grow_.apply(narrow_.apply(norm_.apply(x, pass), pass))}, 1);
  }

 private:
  NormRelu norm_;
  ConvNorm narrow_;
  Conv grow_;
};

// Halves channels, height and width.
class Transition final : public PlainBlock {
 public:
  Transition(Parameters& p, const std::string& name, int64_t in) : norm_(p, name + ".norm", in), halve_(p, name + ".conv", {{in / 2, in, 1, 1}}) {
    norm_.list(weights_);
    halve_.list(weights_);
  }
  void fold() override { norm_.fold(); }

 protected:
  at::Tensor apply(const at::Tensor& x, const Pass& pass) override { return at::avg_pool2d(halve_.apply(norm_.apply(x, pass)), {2, 2}); }

 private:
  NormRelu norm_;
  Conv halve_;
};

class Head final : public PlainBlock {
 public:
  Head(Parameters& p, int64_t in) : norm_(p, "features.norm5", in), classifier_(p, "classifier", in) {
    norm_.list(weights_);
    classifier_.list(weights_);
  }
  void fold() override { norm_.fold(); }

 protected:
  at::Tensor apply(const at::Tensor& x, const Pass& pass) override { return classifier_.apply(channel_means(norm_.apply(x, pass))); }

 private:
  NormRelu norm_;
  Classifier classifier_;
};

}  // namespace

void densenet121(Network& network, uint32_t channels) {
  Parameters& p = network.parameters;
  network.blocks.push_back(std::make_unique<PooledStem>(p, "features.conv0", "features.norm0", channels));
  int64_t width = 2 * growth;
  for (int block = 0; block < 4; ++block) {
    const std::string number = std::to_string(block + 1);
    for (int layer = 0; layer < layers[block]; ++layer, width += growth) {
      const std::string name = "features.denseblock" + number + ".denselayer" + std::to_string(layer + 1);
      network.blocks.push_back(std::make_unique<DenseLayer>(p, name, width));
    }
    if (block == 3) break;
    network.blocks.push_back(std::make_unique<Transition>(p, "features.transition" + number, width));
    width /= 2;
  }
  network.blocks.push_back(std::make_unique<Head>(p, width));
}

}  // namespace fedx
