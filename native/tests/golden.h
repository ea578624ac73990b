// Golden files, and the settings, films and start values that the scripts in tests/golden/ make too.
#pragma once
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/config.h"
#include "engine/engine.h"
#include "engine/philox.h"
#include "test.h"

namespace fedx {

template <class T>
std::vector<T> golden(const std::string& name) {
  std::ifstream file(golden_dir + "/" + name, std::ios::binary);
  std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (bytes.empty()) throw std::runtime_error("cannot read " + golden_dir + "/" + name);
  std::vector<T> out(bytes.size() / sizeof(T));
  std::memcpy(out.data(), bytes.data(), out.size() * sizeof(T));
  return out;
}

inline float stream(Key key, Purpose purpose, uint32_t index, uint32_t step, uint32_t position, size_t i) {
  return uniform(block(key, purpose, index, step, position, uint32_t(i / 4))[i % 4]);
}

inline std::string config_json(const std::map<std::string, std::string>& changes = {}) {
  std::map<std::string, std::string> fields = {
      {"network", "\"efficientnet_b0\""}, {"device", "\"cpu\""}, {"precision", "\"fp32\""}, {"size", "32"}, {"channels", "1"},
      {"threads", "2"}, {"seed", "7"}, {"silo", "2"}, {"class_weights", "[0.75,1.5]"}, {"mean", "[0.449]"}, {"deviation", "[0.226]"},
      {"batch", "4"}, {"lr", "0.001"}, {"beta1", "0.9"}, {"beta2", "0.999"}, {"eps", "1e-8"}, {"weight_decay", "0.0001"},
      {"amsgrad", "true"}, {"lr_classifier", "12"}, {"lr_stem", "2.5"}, {"lr_backbone", "0.12"}, {"gamma", "2"}, {"alpha", "1"},
      {"dropout", "0.2"}, {"stochastic_depth", "0.2"}, {"flip", "false"}, {"rotation", "0"}, {"brightness", "0"}, {"contrast", "0"},
      {"graph", "false"}, {"deterministic", "false"}, {"portable", "false"}};
  for (const auto& [name, value] : changes) fields[name] = value;
  std::string json;
  for (const auto& [name, value] : fields) {
    if (!value.empty()) json += (json.empty() ? "{\"" : ",\"") + name + "\":" + value;
  }
  return json + "}";
}

// The start values of tests/golden/train.py, as f32 in layout order.
inline std::vector<float> start_values(const Engine& engine) {
  std::vector<float> out;
  uint32_t index = 0;
  for (const TensorInfo& t : engine.tensors()) {
    const bool norm_weight = t.name.size() > 7 && t.name.compare(t.name.size() - 7, 7, ".weight") == 0;
    const bool variance = t.name.find("running_var") != std::string::npos;
    Words words{};
    for (size_t i = 0; i < t.length; ++i) {
      if (i % 4 == 0) words = block(engine.config().key, Purpose::init, index, 0, 0, uint32_t(i / 4));
      const double u = uniform(words[i % 4]);
      const double spread = std::sqrt(6.0 / (double(t.length) / double(t.shape[0])));
      out.push_back(float(t.shape.size() > 1 ? (2 * u - 1) * spread : variance ? .5 + u : norm_weight ? .8 + .4 * u : .2 * (2 * u - 1)));
    }
    ++index;
  }
  return out;
}

inline std::shared_ptr<Data> films(Key key, uint32_t count, uint32_t size) {
  auto data = std::make_shared<Data>(Data{count, size, size, {}, {}});
  for (uint32_t i = 0; i < count; ++i) {
    for (size_t p = 0; p < size_t(size) * size; ++p) {
      data->pixels.push_back(uint8_t(double(stream(key, Purpose::measure, 0, 0, i, p)) * 256 * (double(i + 1) / count)));
    }
    data->labels.push_back(uint8_t((i * 7 % 5) % 2));
  }
  return data;
}

}  // namespace fedx
