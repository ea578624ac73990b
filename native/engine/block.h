// The network as a list of blocks over one flat parameter buffer and one flat gradient buffer.
// Why blocks: a hot block can later be written by hand, forward and backward, without touching the others; there is no autograd between them.
#pragma once
#include <ATen/core/Tensor.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "config.h"

namespace fedx {

enum class Group { classifier, stem, backbone };

// One tensor of the model, named as torchvision names it. `value` is a view of the flat buffer, channels last inside, OIHW in its shape.
struct Slot {
  std::string name;
  std::vector<int64_t> shape;
  bool statistic;      // a BatchNorm running mean or variance: no gradient
  Group group;
  double initial;
  int64_t offset = 0;  // elements
  int64_t length = 1;
  at::Tensor value{};     // a leaf that requires grad, unless a statistic
  at::Tensor gradient{};  // the view of the gradient buffer with the same strides
};

// All tensors: declared one by one, then allocated at once. Weights come first in declaration order, then statistics.
class Parameters {
 public:
  Slot* weight(std::string name, std::vector<int64_t> shape, Group group = Group::backbone);
  Slot* statistic(std::string name, int64_t channels, double initial);
  void allocate(at::ScalarType type, at::Device where);

  const std::vector<Slot*>& ordered() const { return ordered_; }
  at::Tensor values;     // (length)
  at::Tensor gradients;  // (weights)
  int64_t weights = 0, length = 0;

 private:
  Slot* declare(Slot slot);
  std::deque<Slot> slots_;
  std::vector<Slot*> ordered_;
};

// How many random numbers a training pass of a network takes: one for each sample and layer, one for each sample and feature of the head. Where a
// network has neither, the recipe's dropout and stochastic depth do nothing.
struct Randoms {
  int64_t layers = 0, features = 0;
};

// Masks of one step that were drawn with many others (draws.h); undefined where the rate or the count is 0.
struct Masks {
  at::Tensor depth;    // (layers, N)
  at::Tensor dropout;  // (N, features)
};

// One forward pass: what blocks need to know besides their input.
struct Pass {
  const Config& config;
  bool train;                     // false: BatchNorm folded, no dropout, nothing kept
  uint32_t step;                  // since the run's start
  const Masks* masks = nullptr;   // null: blocks draw theirs
  bool fixed = false;             // in training: BatchNorm uses its running statistics and leaves them alone
};

class Block {
 public:
  virtual ~Block() = default;
  // Training: keeps what `backward` needs. x: (N, C, H, W) channels last.
  virtual at::Tensor forward(const at::Tensor& x, const Pass& pass) = 0;
  // Overwrites the block's part of the gradient buffer and returns dL/dx (undefined for the first block). Once per forward.
  virtual at::Tensor backward(const at::Tensor& gradient) = 0;
  // Recomputes the weights that `predict` uses, after parameters changed.
  virtual void fold() = 0;
  virtual at::Tensor predict(const at::Tensor& x, const Pass& pass) = 0;
};

// The reference block: torch operations, differentiated inside the block by torch::autograd.
class PlainBlock : public Block {
 public:
  at::Tensor forward(const at::Tensor& x, const Pass& pass) final;
  at::Tensor backward(const at::Tensor& gradient) final;
  at::Tensor predict(const at::Tensor& x, const Pass& pass) final { return apply(x, pass); }
  bool first = false;  // has no block before it: dL/dx is not computed

 protected:
  virtual at::Tensor apply(const at::Tensor& x, const Pass& pass) = 0;
  std::vector<Slot*> weights_;

 private:
  at::Tensor input_, output_;
};

}  // namespace fedx
