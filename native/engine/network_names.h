// Which networks there are, apart from what they are made of: a config is checked before anything is built.
#pragma once
#include <set>
#include <string>

namespace fedx {

// The names that a config's "network" may have, torchvision's.
const std::set<std::string>& network_names();

}  // namespace fedx
