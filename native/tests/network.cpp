// What networks are made of, beside what tests/golden/ holds of them as a whole.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/max.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/rand.h>
#include <torch/csrc/autograd/autograd.h>

#include "engine/conv_norm.h"
#include "engine/depthwise.h"
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

TEST(depthwise_equals_conv2d) {
  const int threads = at::get_num_threads();
  for (int64_t channels : {2, 16, 21, 48}) {
    for (int64_t kernel : {3, 5}) {
      for (int64_t stride : {1, 2}) {
        for (int64_t side : {1, 2, 5, 8}) {
          const auto random = [](at::IntArrayRef sizes) {
            return at::rand(sizes, at::TensorOptions(at::kDouble)).contiguous(at::MemoryFormat::ChannelsLast);
          };
          at::Tensor x = random({3, channels, side, side + 1}), w = random({channels, 1, kernel, kernel});
          x.set_requires_grad(true);
          w.set_requires_grad(true);
          CHECK(is_depthwise(x, channels, channels) && !is_depthwise(x, channels, 1) && !is_depthwise(x, 2 * channels, channels));
          const int64_t pad = (kernel - 1) / 2;
          const at::Tensor want = at::conv2d(x, w, {}, {stride, stride}, {pad, pad}, {1, 1}, channels), got = depthwise(x, w, stride);
          CHECK(got.equal(want));
          const at::Tensor weight = random(want.sizes());
          const auto gradients = [&](const at::Tensor& y) { return torch::autograd::grad({y}, {x, w}, {weight}, true); };
          at::set_num_threads(1);
          const auto of_want = gradients(want), of_got = gradients(got);
          CHECK(of_got[0].equal(of_want[0]));
          CHECK((of_got[1] - of_want[1]).abs().max().item<double>() < 1e-13);
          at::set_num_threads(2);
          CHECK(gradients(got)[1].equal(of_got[1]));
        }
      }
    }
  }
  at::set_num_threads(threads);
}

}  // namespace
}  // namespace fedx
