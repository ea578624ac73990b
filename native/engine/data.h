// What an engine works on: films with labels, the plan of a chunk of steps, and the tensors that its flat vector is made of.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace fedx {

// Resident grey images with labels 0 or 1.
struct Data {
  uint32_t n, h, w;
  std::vector<uint8_t> pixels;  // (n, h, w)
  std::vector<uint8_t> labels;  // (n)
  // Raised by each change: a device's copy is then out of date.
  std::shared_ptr<std::atomic<uint64_t>> version = std::make_shared<std::atomic<uint64_t>>(0);
};

// One tensor of the flat vector, in layout order.
struct TensorInfo {
  std::string name;
  std::vector<int64_t> shape;
  size_t offset, length;  // elements
};

struct TrainPlan {
  uint32_t first_step;
  std::vector<float> lr, clip;  // per step: factor of the recipe's lr; largest gradient norm, may be infinite
  std::vector<uint32_t> rows;   // (steps, batch)
  bool fixed = false;           // BatchNorm's statistics stay
};

}  // namespace fedx
