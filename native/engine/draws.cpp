#include "draws.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>

#include <array>

namespace fedx {
namespace {

constexpr int64_t low32 = 0xFFFFFFFF;

// Both halves of the 64-bit product of two 32-bit numbers: the product wraps in i64, its bits are those of the unsigned one.
struct Product {
  at::Tensor high, low;
  Product(const at::Tensor& a, int64_t b) {
    const at::Tensor product = a * b;
    high = product.bitwise_right_shift(32).bitwise_and_(low32);
    low = product & low32;
  }
};

at::Tensor tag_of(Purpose purpose, const at::Tensor& index) { return index + (int64_t(purpose) << 16); }

// 0 where u < p, else 1 / (1 − p); compared in f64, as philox.h's users do.
at::Tensor mask(const at::Tensor& u, const at::Tensor& p, at::ScalarType type) {
  return at::where(u.to(at::kDouble) < p, 0.0, (1 - p).reciprocal()).to(type);
}

}  // namespace

at::Tensor uniforms(Key key, const at::Tensor& block, const at::Tensor& position, const at::Tensor& step, const at::Tensor& tag) {
  std::array<at::Tensor, 4> c = {block, position, step, tag};
  for (int round = 0; round < 10; ++round) {
    const Product a(c[0], 0xD2511F53), b(c[2], 0xCD9E8D57);
    c = {(b.high ^ c[1]) ^ int64_t(key.seed), b.low, (a.high ^ c[3]) ^ int64_t(key.silo), a.low};
    key.seed += 0x9E3779B9;
    key.silo += 0xBB67AE85;
  }
  const auto shape = c[0].sizes();
  for (auto& words : c) words = words.expand(shape);
  return at::stack(c, -1).bitwise_right_shift_(8).to(at::kFloat).mul_(0x1p-24);
}

Draws draw(const Config& config, const Randoms& needs, uint32_t first, int64_t steps, at::ScalarType type, at::Device where) {
  const Recipe& r = config.recipe;
  const auto range = [&](int64_t n) { return at::arange(n, at::TensorOptions(at::kLong).device(where)); };
  const at::Tensor step = ((range(steps) + int64_t(first)) & low32).view({steps, 1, 1}), none = range(1), position = range(r.batch);
  Draws out;
  if (r.stochastic_depth > 0 && needs.layers > 0) {
    const at::Tensor layer = range(needs.layers).view({-1, 1});
    const at::Tensor u = uniforms(config.key, none, position, step, tag_of(Purpose::depth, layer)).select(-1, 0);
    out.depth = mask(u, layer.to(at::kDouble) * r.stochastic_depth / double(needs.layers), type);
  }
  if (r.dropout > 0 && needs.features > 0) {
    const at::Tensor block = range((needs.features + 3) / 4);
    const at::Tensor u = uniforms(config.key, block, position.view({-1, 1}), step, tag_of(Purpose::dropout, none)).flatten(2);
    out.dropout = mask(u.narrow(2, 0, needs.features), at::full({}, r.dropout, u.options().dtype(at::kDouble)), type);
  }
  if (r.flip || r.rotation > 0 || r.brightness > 0 || r.contrast > 0) {
    out.augment = uniforms(config.key, none, position, step, tag_of(Purpose::augment, none)).squeeze(1);
  }
  return out;
}

}  // namespace fedx
