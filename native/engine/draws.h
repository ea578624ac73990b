// The random numbers of many training steps at once, as tensors: philox.h's function in 64-bit integer operations, so that any device computes them.
// Why not one step at a time: Philox is some 100 small operations, which a GPU would launch for each mask; so it launches them once a chunk.
#pragma once
#include <ATen/core/Tensor.h>

#include "block.h"
#include "philox.h"

namespace fedx {

// What the steps of a chunk multiply by, or move pixels by.
struct Draws {
  at::Tensor depth;    // (steps, layers, batch): 0, or 1 / (1 − p) with the layer's p
  at::Tensor dropout;  // (steps, batch, features): 0, or 1 / (1 − p)
  at::Tensor augment;  // (steps, batch, 4) f32 in [0, 1): as augment.h orders them
};

// The four words of each stream's block as f32 in [0, 1), in a new last dimension. All arguments i64 in [0, 2³²), of shapes that broadcast;
// `tag` = purpose · 2¹⁶ + index. Equal to uniform(block(…)[i]) bit for bit.
at::Tensor uniforms(Key key, const at::Tensor& block, const at::Tensor& position, const at::Tensor& step, const at::Tensor& tag);

// For `steps` steps from `first`; masks as `type`, on `where`. A mask that no rate asks for, and numbers that no augmentation does, are undefined.
Draws draw(const Config& config, const Randoms& needs, uint32_t first, int64_t steps, at::ScalarType type, at::Device where);

}  // namespace fedx
