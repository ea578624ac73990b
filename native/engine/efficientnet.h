// EfficientNet-B0 (Tan and Le, 2019) with torchvision's parameter names, a grey or RGB stem and a one-logit head.
#pragma once
#include <memory>
#include <vector>

#include "block.h"

namespace fedx {

struct Network {
  Parameters parameters;
  std::vector<std::unique_ptr<Block>> blocks;
  Randoms randoms;
};

// Input (N, channels, size, size), output (N, 1) logits. Parameters are allocated as `type` on `where`.
std::unique_ptr<Network> efficientnet_b0(uint32_t channels, at::ScalarType type, at::Device where = at::kCPU);

}  // namespace fedx
