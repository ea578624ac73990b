// The training mathematics outside the network, the threads it runs on and the settings that drive it.
#include "engine/recipe.h"

#include <ATen/Parallel.h>
#include <omp.h>

#include <mutex>
#include <set>
#include <thread>

#include "golden.h"
#include "test.h"

namespace fedx {
namespace {

// On the gradients of tests/golden/optimizer.py, whose values torch.optim.AdamW made.
TEST(adam_equals_torch_optim) {
  constexpr size_t steps = 50, count = 4096;
  const auto want = golden<float>("optimizer.f32");
  CHECK(want.size() == 3 * steps + count);
  const Recipe recipe = parse_config(config_json()).recipe;
  const std::vector<Span> spans = {{0, 1024, recipe.lr_classifier}, {1024, 2048, recipe.lr_stem}, {2048, count, recipe.lr_backbone}};
  std::vector<float> theta(count), m(count), v(count), vmax(count), gradient(count);
  for (size_t i = 0; i < count; ++i) theta[i] = 2 * stream({11, 0}, Purpose::init, 0, 0, 0, i) - 1;
  for (uint32_t t = 0; t < steps; ++t) {
    for (size_t i = 0; i < count; ++i) gradient[i] = (2 * stream({11, 0}, Purpose::measure, 0, t, 0, i) - 1) * std::ldexp(1.f, -int(t % 8));
    const double size = norm(gradient.data(), count);
    close_to(size, want[2 * steps + t], 1e-5 * size, "gradient norm");
    Adam<float>{theta.data(), m.data(), v.data(), vmax.data(), gradient.data()}.step(
        spans, recipe, want[t], std::min(1.0, want[steps + t] / (size + 1e-6)), t + 1);
  }
  for (size_t i = 0; i < count; ++i) {
    const double x = want[3 * steps + i];
    close_to(theta[i], x, 1e-6 * std::max(1.0, std::abs(x)), "value " + std::to_string(i));
  }
}

TEST(loss_gradient_is_its_slope) {
  const Recipe recipe = parse_config(config_json()).recipe;
  for (double z : {-40.0, -3.0, -.1, 0.0, .7, 5.0, 40.0}) {
    for (uint8_t y : {0, 1}) {
      double slope, ignored;
      const auto at = [&](double x, double* g) { return loss(&x, &y, 1, {.75, 1.5}, recipe, g); };
      at(z, &slope);
      close_to(slope, (at(z + 1e-5, &ignored) - at(z - 1e-5, &ignored)) / 2e-5, 1e-8, "slope at " + std::to_string(z));
    }
  }
}

// Loops over weights are spread over threads only where libtorch and this were both built with OpenMP.
TEST(parallel_for_uses_two_threads) {
  std::set<int> seen;
  std::mutex mutex;
  std::thread([&] {
    at::set_num_threads(2);
    at::parallel_for(0, 64, 1, [&](int64_t, int64_t) {
      std::lock_guard lock(mutex);
      seen.insert(omp_get_thread_num());
    });
  }).join();
  CHECK(seen.size() == 2);
}

TEST(config_is_strict) {
  const std::map<std::string, std::string> broken = {{"lr", "-1"}, {"batch", "1.5"}, {"amsgrad", "1"}, {"mean", "[0,0]"}, {"dropout", ""},
                                                     {"network", "\"x\""}, {"unknown", "1"}, {"channels", "2"}, {"eps", "nan"}, {"seed", "-1"}};
  for (const auto& [name, value] : broken) {
    try {
      parse_config(config_json({{name, value}}));
    } catch (const ConfigError& e) {
      if (name == "eps" || std::string(e.what()).find(name) != std::string::npos) continue;
      throw std::runtime_error("expected the error to name " + name + ", got: " + e.what());
    }
    throw std::runtime_error("expected " + name + " = " + value + " to be refused");
  }
}

}  // namespace
}  // namespace fedx
