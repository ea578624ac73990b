// Training in float64 against PyTorch: tests/golden/train.py made the values. Both ways to train are tried, the CPU's loops to the end.
#include "engine/network_names.h"
#include "fedx.h"
#include "golden.h"
#include "test.h"

namespace fedx {
namespace {

// Losses and gradient norms of the first `steps` steps, and where they are all, the values that they end with.
void equals_pytorch_in_float64(const Config& config, uint32_t steps, bool fixed = false) {
  const auto want = golden<double>("train_" + config.network + (fixed ? "_fixed.f64" : ".f64"));
  constexpr uint32_t all = 5, batch = 4;
  Engine engine(config);
  const auto start = start_values(engine);
  engine.write(FEDX_STATE_PARAMS, start.data(), start.size() * 4);
  TrainPlan plan{100, {}, {}, {}, fixed};
  for (uint32_t k = 0; k < steps; ++k) {
    plan.lr.push_back(float(want[k]));
    plan.clip.push_back(float(want[all + k]));
    for (uint32_t i = 0; i < batch; ++i) plan.rows.push_back(k * batch + i);
  }
  const auto result = engine.train(films(engine.config().key, 20, 32), plan)->wait();
  std::vector<float> reported(2 * steps);
  std::memcpy(reported.data(), result.data() + 4, 8 * steps);
  for (uint32_t k = 0; k < steps; ++k) {
    const double loss = want[2 * all + k], norm = want[3 * all + k];
    close_to(reported[k], loss, 1e-6 * loss, "loss");
    close_to(reported[steps + k], norm, 1e-6 * norm, "gradient norm");
  }
  if (steps < all) return;
  const auto values = engine.exact_values();
  const double* expected = want.data() + 4 * all;
  const size_t probes = (want.size() - 4 * all) / engine.tensors().size() - 1;
  CHECK(probes >= 8 && want.size() == 4 * all + (probes + 1) * engine.tensors().size());
  for (const TensorInfo& t : engine.tensors()) {
    double size = 0, difference = 0, reference = 0;
    for (size_t i = 0; i < t.length; ++i) size += values[t.offset + i] * values[t.offset + i];
    close_to(std::sqrt(size), expected[0], 1e-8 * std::max(expected[0], 1.0), t.name + " norm");
    for (size_t j = 0; j < probes; ++j) {
      const double x = expected[1 + j];
      difference += std::pow(values[t.offset + j * t.length / probes] - x, 2);
      reference += x * x;
    }
    close_to(std::sqrt(difference), 0, 1e-8 * std::max(std::sqrt(reference), 1.0), t.name + " probes");
    expected += probes + 1;
  }
}

Config float64(bool portable, const std::string& graph = "false", const std::string& network = "efficientnet_b0") {
  Config config = parse_config(config_json({{"precision", "\"fp64\""}, {"graph", graph}, {"network", "\"" + network + "\""}}));
  config.portable = portable;
  return config;
}

TEST(train_equals_pytorch_in_float64) {
  for (const auto& network : network_names()) equals_pytorch_in_float64(float64(false, "false", network), 5);
}

TEST(train_with_fixed_statistics_equals_pytorch_in_float64) {
  for (const std::string network : {"efficientnet_b0", "resnet18"}) equals_pytorch_in_float64(float64(false, "false", network), 5, true);
}

// The steps that a GPU runs. Two show losses, gradients and an update; the long test has their values too.
TEST(device_steps_equal_pytorch_in_float64) {
  for (bool fixed : {false, true}) equals_pytorch_in_float64(float64(true), 2, fixed);
}

LONG_TEST(all_device_steps_equal_pytorch_in_float64) {
  for (const auto& network : network_names()) equals_pytorch_in_float64(float64(true, "false", network), 5);
  for (bool fixed : {false, true}) equals_pytorch_in_float64(float64(true, "true"), 5, fixed);
  equals_pytorch_in_float64(float64(false, "false", "densenet121"), 5, true);
}

}  // namespace
}  // namespace fedx
