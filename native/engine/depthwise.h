// Depthwise convolution on the CPU with a gradient of its own for the weights.
// Why: without AVX-512, oneDNN has none for most of EfficientNet's shapes and multiplies matrices group by group, which took two fifths of a step.
#pragma once
#include <ATen/core/Tensor.h>

namespace fedx {

// Whether `depthwise` can stand for at::conv2d: x (N, C, H, W) is of float or double on the CPU, without autocast, and
// each of C filters reads its own channel.
bool is_depthwise(const at::Tensor& x, int64_t filters, int64_t groups);

// at::conv2d(x, w) with padding (kernel − 1) / 2, for training. x: (N, C, H, W) channels last; w: (C, 1, kernel, kernel). The gradient of w is the
// same with any number of threads.
at::Tensor depthwise(const at::Tensor& x, const at::Tensor& w, int64_t stride);

}  // namespace fedx
