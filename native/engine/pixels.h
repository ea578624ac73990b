// The network's input from resident pixels, in operations that any device has: augment.h's definition, equal to it but for rounding.
// Why two: the CPU's loops keep one image in the cache and its threads busy; a GPU needs whole batches and no host in between.
#pragma once
#include <ATen/core/Tensor.h>

#include "config.h"

namespace fedx {

// images: (N, size, size) u8. draws: (N, 4) f32 in [0, 1), or undefined: no augmentation. Returns (N, channels, size, size), channels last, as `type`.
at::Tensor network_input(const Config& config, const at::Tensor& images, const at::Tensor& draws, at::ScalarType type);

}  // namespace fedx
