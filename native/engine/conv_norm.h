// Convolutions and BatchNorms as blocks use them: in training torch operations, in prediction with the running statistics folded in.
#pragma once
#include <string>
#include <vector>

#include "block.h"

namespace fedx {

enum class Activation { none, relu, silu };

// A BatchNorm's four tensors.
struct Norm {
  Slot *gamma, *beta, *mean, *variance;

  Norm(Parameters& p, const std::string& name, int64_t channels);
  void list(std::vector<Slot*>& out) const { out.insert(out.end(), {gamma, beta}); }
  at::Tensor train(const at::Tensor& x, const Pass& pass) const;
  // What it multiplies each channel by and adds to it in prediction: (channels) each.
  at::Tensor scale() const;
  at::Tensor offset(const at::Tensor& scale) const;
};

// How a convolution is called and how it moves; its padding is (kernel − 1) / 2.
struct ConvShape {
  std::vector<int64_t> weight;  // (out, in / groups, kernel, kernel)
  int64_t stride = 1, groups = 1;
};

// A convolution without bias, the BatchNorm behind it and an activation.
class ConvNorm {
 public:
  ConvNorm(Parameters& p, const std::string& conv, const std::string& norm, ConvShape shape, Activation activation, Group group = Group::backbone);
  void list(std::vector<Slot*>& out) const;
  at::Tensor apply(const at::Tensor& x, const Pass& pass) const;
  void fold();

 private:
  Slot* weight_;
  Norm norm_;
  ConvShape shape_;
  Activation activation_;
  at::Tensor folded_, bias_;
};

// A BatchNorm with nothing to fold it into, and ReLU.
class NormRelu {
 public:
  NormRelu(Parameters& p, const std::string& name, int64_t channels) : norm_(p, name, channels) {}
  void list(std::vector<Slot*>& out) const { norm_.list(out); }
  at::Tensor apply(const at::Tensor& x, const Pass& pass) const;
  void fold();

 private:
  Norm norm_;
  at::Tensor scale_, offset_;  // (1, channels, 1, 1)
};

// A convolution alone, without bias.
class Conv {
 public:
  Conv(Parameters& p, const std::string& name, ConvShape shape);
  void list(std::vector<Slot*>& out) const { out.push_back(weight_); }
  at::Tensor apply(const at::Tensor& x) const;

 private:
  Slot* weight_;
  ConvShape shape_;
};

// The one-logit classifier over the channels' means.
class Classifier {
 public:
  Classifier(Parameters& p, const std::string& name, int64_t features);
  void list(std::vector<Slot*>& out) const { out.insert(out.end(), {weight_, bias_}); }
  // features: (N, features) → (N, 1)
  at::Tensor apply(const at::Tensor& features) const;

 private:
  Slot *weight_, *bias_;
};

// (N, C, H, W) → (N, C)
at::Tensor channel_means(const at::Tensor& x);

// The largest of 3 × 3 values, by 2, padded by 1, by comparing slices: its gradient adds in a fixed order on a GPU too, where at::max_pool2d's does
// not. x is never negative.
at::Tensor max_pool_by_slices(const at::Tensor& x);

// How ResNet and DenseNet begin: 64 filters of 7 × 7 by 2, BatchNorm, ReLU, and the largest of 3 × 3 by 2.
class PooledStem final : public PlainBlock {
 public:
  PooledStem(Parameters& p, const std::string& conv, const std::string& norm, int64_t channels);
  void fold() override { conv_.fold(); }

 protected:
  at::Tensor apply(const at::Tensor& x, const Pass& pass) override;

 private:
  ConvNorm conv_;
};

}  // namespace fedx
