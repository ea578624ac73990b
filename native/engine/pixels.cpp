#include "pixels.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/affine_grid_generator.h>
#include <ATen/ops/grid_sampler_2d.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>
#include <numbers>

namespace fedx {
namespace {

// A uniform number as one in ± width.
at::Tensor around(const at::Tensor& u, double width) { return (u * 2 - 1) * width; }

// Rotates about the centre (bilinear, black outside), then mirrors left to right. v: (N, size, size) f32; mirrored: (N) bool.
at::Tensor rotate(const at::Tensor& v, const at::Tensor& angle, const at::Tensor& mirrored) {
  constexpr int bilinear = 0, black = 0;
  const int64_t n = v.size(0), size = v.size(1);
  const at::Tensor c = angle.cos(), s = angle.sin(), side = at::where(mirrored, -1.0, at::ones_like(c)), none = at::zeros_like(c);
  // In units of half the side: output (x, y) reads input (c · side · x + s · y, c · y − s · side · x).
  const at::Tensor theta = at::stack({c * side, s, none, -s * side, c, none}, 1).view({n, 2, 3});
  const at::Tensor grid = at::affine_grid_generator(theta, {n, 1, size, size}, true);
  return at::grid_sampler_2d(v.unsqueeze(1), grid, bilinear, black, true).squeeze(1);
}

at::Tensor mirror(const at::Tensor& v, const at::Tensor& mirrored) { return at::where(mirrored.view({-1, 1, 1}), v.flip(-1), v); }

// v ← clamp(v · brightness), then clamp(mean + (v − mean) · contrast), both in [0, 255].
at::Tensor adjust(const at::Tensor& v, const at::Tensor& brightness, const at::Tensor& contrast) {
  const at::Tensor lit = (v * brightness.view({-1, 1, 1})).clamp_(0, 255);
  const at::Tensor mean = lit.mean({1, 2}, true);
  return ((lit - mean).mul_(contrast.view({-1, 1, 1}))).add_(mean).clamp_(0, 255);
}

}  // namespace

at::Tensor network_input(const Config& config, const at::Tensor& images, const at::Tensor& draws, at::ScalarType type) {
  const Recipe& r = config.recipe;
  at::Tensor v = images.to(at::kFloat);
  if (draws.defined()) {
    const at::Tensor mirrored = draws.select(1, 0) < (r.flip ? .5 : 0.0);
    if (r.rotation > 0) v = rotate(v, around(draws.select(1, 1), r.rotation * std::numbers::pi / 180), mirrored);
    else if (r.flip) v = mirror(v, mirrored);
    if (r.brightness > 0 || r.contrast > 0) {
      v = adjust(v, around(draws.select(1, 2), r.brightness) + 1, around(draws.select(1, 3), r.contrast) + 1);
    }
  }
  v = v.to(type);
  std::vector<at::Tensor> channels;
  for (size_t c = 0; c < config.channels; ++c) {
    channels.push_back(v * (1 / (255 * config.deviation[c])) - config.mean[c] / config.deviation[c]);
  }
  return at::stack(channels, -1).permute({0, 3, 1, 2});
}

}  // namespace fedx
