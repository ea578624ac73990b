// A network: its tensors, its blocks in order and the random numbers it takes. A new one is a file beside
// efficientnet.cpp, and a line here and in network.cpp.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "block.h"

namespace fedx {

struct Network {
  Parameters parameters;
  std::vector<std::unique_ptr<Block>> blocks;
  Randoms randoms;
};

// Input (N, channels, size, size), output (N, 1) logits. Parameters are allocated as `type` on `where`.
std::unique_ptr<Network> build_network(const std::string& name, uint32_t channels, at::ScalarType type, at::Device where = at::kCPU);

// Each declares its tensors and blocks; `network` is empty before. torchvision's parameter names, a grey or RGB stem and a one-logit head.
void efficientnet_b0(Network& network, uint32_t channels);  // Tan and Le, 2019
void resnet18(Network& network, uint32_t channels);         // He et al., 2016
void densenet121(Network& network, uint32_t channels);      // Huang et al., 2017

}  // namespace fedx
