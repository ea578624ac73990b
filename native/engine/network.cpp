#include "network.h"

#include <map>

#include "network_names.h"

namespace fedx {
namespace {

const std::map<std::string, void (*)(Network&, uint32_t)> networks = {
    {"efficientnet_b0", efficientnet_b0},
    {"resnet18", resnet18},
    {"densenet121", densenet121},
};

}  // namespace

const std::set<std::string>& network_names() {
  static const std::set<std::string> names = [] {
    std::set<std::string> out;
    for (const auto& [name, build] : networks) out.insert(name);
    return out;
  }();
  return names;
}

std::unique_ptr<Network> build_network(const std::string& name, uint32_t channels, at::ScalarType type, at::Device where) {
  auto network = std::make_unique<Network>();
  networks.at(name)(*network, channels);
  network->parameters.allocate(type, where);
  return network;
}

}  // namespace fedx
