// BatchNorm's running statistics over steps that are skipped: a batch that overflowed must not spoil them for good.
#include "fedx.h"
#include "golden.h"
#include "test.h"

namespace fedx {
namespace {

struct After {
  uint32_t skipped;
  std::vector<float> values;
};

// One step from the usual start values, all elements of `name` (none: "") replaced by `value`.
After one_step(const Config& config, const std::string& name, float value, std::vector<float>& start) {
  Engine engine(config);
  start = start_values(engine);
  for (const TensorInfo& t : engine.tensors()) {
    if (t.name == name) std::fill_n(start.begin() + std::ptrdiff_t(t.offset), t.length, value);
  }
  engine.write(FEDX_STATE_PARAMS, start.data(), start.size() * 4);
  const auto result = engine.train(films(engine.config().key, 4, 32), {0, {1}, {3}, {0, 1, 2, 3}})->wait();
  After after{0, std::vector<float>(start.size())};
  std::memcpy(&after.skipped, result.data(), 4);
  const auto bytes = engine.read(FEDX_STATE_PARAMS);
  std::memcpy(after.values.data(), bytes.data(), bytes.size());
  return after;
}

void stay_finite(const Config& config) {
  Engine engine(config);
  const auto tensors = engine.tensors();
  const auto moved = [&](const After& after, const std::vector<float>& start) {
    size_t count = 0;
    for (const TensorInfo& t : tensors) {
      if (t.name.find(".running_") == std::string::npos) continue;
      for (size_t i = t.offset; i < t.offset + t.length; ++i) {
        if (!std::isfinite(after.values[i])) throw std::runtime_error("expected finite statistics, got some that are not in " + t.name);
        count += after.values[i] != start[i];
      }
    }
    return count;
  };
  std::vector<float> start;
  const After normal = one_step(config, "", 0, start);
  CHECK(normal.skipped == 0 && moved(normal, start) > 0);
  // The loss alone overflows: as with PyTorch's GradScaler the forward pass has moved the statistics.
  const After loss = one_step(config, "classifier.1.bias", INFINITY, start);
  CHECK(loss.skipped == 1 && moved(loss, start) > 0);
  // Activations overflow: nothing of this batch is kept.
  const After overflow = one_step(config, "features.0.0.weight", 3e38f, start);
  CHECK(overflow.skipped == 1 && moved(overflow, start) == 0);
  // A variance overflows while loss and gradients are finite.
  const After wide = one_step(config, "features.0.0.weight", 1e25f, start);
  CHECK(wide.skipped == 0 && moved(wide, start) == 0);
}

TEST(statistics_stay_finite) {
  Config config = parse_config(config_json());
  stay_finite(config);
  config.portable = true;
  stay_finite(config);
}

}  // namespace
}  // namespace fedx
