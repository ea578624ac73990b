#include "block.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/autograd.h>

namespace fedx {
namespace {

// The stretch of a flat buffer that belongs to `slot`: stored O, H, W, I and seen as (O, I, H, W).
at::Tensor view(const at::Tensor& flat, const Slot& slot) {
  at::Tensor part = flat.narrow(0, slot.offset, slot.length);
  const auto& s = slot.shape;
  if (s.size() != 4) return part.view(s);
  return part.view({s[0], s[2], s[3], s[1]}).permute({0, 3, 1, 2});
}

}  // namespace

Slot* Parameters::declare(Slot slot) {
  for (int64_t n : slot.shape) slot.length *= n;
  slots_.push_back(std::move(slot));
  return &slots_.back();
}

Slot* Parameters::weight(std::string name, std::vector<int64_t> shape, Group group) {
  return declare({std::move(name), std::move(shape), false, group, 0});
}

Slot* Parameters::statistic(std::string name, int64_t channels, double initial) {
  return declare({std::move(name), {channels}, true, Group::backbone, initial});
}

void Parameters::allocate(at::ScalarType type, at::Device where) {
  for (bool statistic : {false, true}) {
    for (Slot& slot : slots_) {
      if (slot.statistic != statistic) continue;
      slot.offset = length;
      length += slot.length;
      ordered_.push_back(&slot);
    }
    if (!statistic) weights = length;
  }
  values = at::zeros({length}, at::TensorOptions(type).device(where));
  gradients = at::zeros({weights}, at::TensorOptions(type).device(where));
  for (Slot* slot : ordered_) {
    slot->value = view(values, *slot).detach();  // detached: optimizer writes to the buffer do not concern autograd
    slot->value.fill_(slot->initial);
    if (slot->statistic) continue;
    slot->value.set_requires_grad(true);
    slot->gradient = view(gradients, *slot);
  }
}

at::Tensor PlainBlock::forward(const at::Tensor& x, const Pass& pass) {
  at::AutoGradMode on(true);
  input_ = x.detach();
  if (!first) input_.set_requires_grad(true);
  output_ = apply(input_, pass);
  return output_.detach();
}

at::Tensor PlainBlock::backward(const at::Tensor& gradient) {
  std::vector<at::Tensor> inputs;
  for (Slot* slot : weights_) inputs.push_back(slot->value);
  if (!first) inputs.push_back(input_);
  std::vector<at::Tensor> found = torch::autograd::grad({output_}, inputs, {gradient});
  input_ = output_ = at::Tensor();
  for (size_t i = 0; i < weights_.size(); ++i) weights_[i]->gradient.copy_(found[i]);
  return first ? at::Tensor() : found.back();
}

}  // namespace fedx
