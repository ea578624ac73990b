// What networks are made of, beside what tests/golden/ holds of them as a whole.
#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/max.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/rand.h>
#include <torch/csrc/autograd/autograd.h>

#include "engine/conv_norm.h"
#include "test.h"

namespace fedx {
namespace {

TEST(max_pool_by_slices_equals_max_pool) {
  for (int64_t side : {1, 2, 7, 16}) {
    at::Tensor x = at::rand({2, 3, side, side + 1}, at::TensorOptions(at::kDouble)).contiguous(at::MemoryFormat::ChannelsLast);
    x.set_requires_grad(true);
    const at::Tensor want = at::max_pool2d(x, {3, 3}, {2, 2}, {1, 1}), got = max_pool_by_slices(x);
    CHECK(got.equal(want));
    const at::Tensor weight = at::rand(want.sizes(), want.options().requires_grad(false));
    // Where windows overlap, gradients are added, in another order.
    const auto gradient = [&](const at::Tensor& y) { return torch::autograd::grad({y}, {x}, {weight})[0]; };
    CHECK((gradient(got) - gradient(want)).abs().max().item<double>() < 1e-15);
  }
}

}  // namespace
}  // namespace fedx
