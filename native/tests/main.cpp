// Native tests: the engine in float64 against PyTorch, the optimizer against torch.optim, and the ABI's edges. Built plain and under
// ASan and UBSan (tools/native.ts). Usage: fedx-test GOLDEN_DIR [TEST…]; prints one line per test, exits 1 if any failed.
#include <ATen/Parallel.h>
#include <omp.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <set>

#include "engine/augment.h"
#include "engine/engine.h"
#include "fedx.h"
#include "engine/recipe.h"
#include "test.h"

using namespace fedx;

namespace {

void train_equals_pytorch_in_float64() { equals_pytorch_in_float64(parse_config(config_json({{"precision", "\"fp64\""}}))); }

// engine.md, Numbers (b).
void adam_equals_torch_optim() {
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

void loss_gradient_is_its_slope() {
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

void philox_matches_known_answers() {
  CHECK((philox({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  CHECK((philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
         Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// Reads "c0 c1 c2 c3 k0 k1" lines from standard input and prints the four words: the test in TypeScript compares them with philox.json.
void philox_of_standard_input() {
  Words c;
  Key k;
  while (std::cin >> c[0] >> c[1] >> c[2] >> c[3] >> k.seed >> k.silo) {
    const Words w = philox(c, k);
    std::printf("%u %u %u %u\n", w[0], w[1], w[2], w[3]);
  }
}

void parallel_for_uses_two_threads() {
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

void augmentation_moves_only_what_is_on() {
  Config plain = parse_config(config_json()), flip = parse_config(config_json({{"flip", "true"}}));
  const Config turned = parse_config(config_json({{"rotation", "10"}})), toned = parse_config(config_json({{"brightness", "0.1"}, {"contrast", "0.1"}}));
  const auto data = films(plain.key, 8, 32);
  std::vector<const uint8_t*> images;
  for (size_t i = 0; i < 8; ++i) images.push_back(&data->pixels[i * 1024]);
  const auto make = [&](const Config& config, bool on, uint32_t step) {
    std::vector<float> out(8 * 1024);
    prepare_pixels(config, images.data(), 8, on, step, out.data());
    return out;
  };
  const auto still = make(plain, true, 3);
  close_to(still[5], (data->pixels[5] / 255.0 - .449) / .226, 1e-5, "normalised");
  CHECK(still == make(flip, false, 3));
  CHECK(make(turned, true, 3) == make(turned, true, 3));
  CHECK(make(turned, true, 3) != make(turned, true, 4));
  CHECK(make(toned, true, 3) != still);
  const auto mirrored = make(flip, true, 3);
  size_t flipped = 0;
  for (size_t i = 0; i < 8; ++i) {
    const bool is = mirrored[i * 1024] != still[i * 1024];
    flipped += is;
    for (size_t p = 0; p < 1024; ++p) CHECK(mirrored[i * 1024 + p] == still[i * 1024 + (is ? p / 32 * 32 + 31 - p % 32 : p)]);
  }
  CHECK(flipped > 0 && flipped < 8);
}

void config_is_strict() {
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

uint32_t made(const std::string& config, char* err) {
  uint32_t engine = 0;
  CHECK(fedx_engine_create(config.data(), uint32_t(config.size()), &engine, err, 256) == FEDX_OK);
  return engine;
}

std::vector<uint8_t> packed_plan(uint32_t steps, uint32_t batch, uint32_t row) {
  std::vector<uint32_t> words = {steps, batch, 0, 0};
  const float lr = .1f, clip = 3;
  uint32_t bits[2];
  std::memcpy(&bits[0], &lr, 4);
  std::memcpy(&bits[1], &clip, 4);
  for (uint32_t bit : bits) words.insert(words.end(), steps, bit);
  words.insert(words.end(), size_t(steps) * batch, row);
  std::vector<uint8_t> bytes(words.size() * 4);
  std::memcpy(bytes.data(), words.data(), bytes.size());
  return bytes;
}

void abi_refuses_bad_arguments() {
  char err[256];
  const uint32_t before = fedx_live_handles(), engine = made(config_json(), err);
  uint32_t data = 0, ticket = 0, small = 0;
  CHECK(fedx_data_create(3, 32, 32, &data, err, 256) == FEDX_OK && fedx_data_create(3, 16, 16, &small, err, 256) == FEDX_OK);
  const std::vector<uint8_t> film(1024), labels = {0, 1, 2};
  CHECK(fedx_data_put(data, 3, film.data(), 1024, err, 256) == FEDX_E_ARGUMENT);
  CHECK(fedx_data_put(data, 0, film.data(), 1023, err, 256) == FEDX_E_ARGUMENT);
  CHECK(fedx_data_labels(data, 0, labels.data(), 3, err, 256) == FEDX_E_ARGUMENT);
  CHECK(fedx_data_put(data + 100, 0, film.data(), 1024, err, 256) == FEDX_E_HANDLE && std::strlen(err) > 10);
  const auto good = packed_plan(1, 4, 2), bad_row = packed_plan(1, 4, 3), bad_batch = packed_plan(1, 5, 0);
  CHECK(fedx_train_submit(engine, data, good.data(), uint32_t(good.size()) - 1, &ticket, err, 256) == FEDX_E_ARGUMENT);
  CHECK(fedx_train_submit(engine, data, bad_row.data(), uint32_t(bad_row.size()), &ticket, err, 256) == FEDX_E_ARGUMENT);
  CHECK(fedx_train_submit(engine, data, bad_batch.data(), uint32_t(bad_batch.size()), &ticket, err, 256) == FEDX_E_ARGUMENT);
  CHECK(fedx_train_submit(engine, small, good.data(), uint32_t(good.size()), &ticket, err, 256) == FEDX_E_ARGUMENT);
  const std::string cuda = config_json({{"device", "\"cuda\""}});
  CHECK(fedx_engine_create(cuda.data(), uint32_t(cuda.size()), &ticket, err, 8) == FEDX_E_NOT_BUILT && std::strlen(err) == 7);
  float few[4];
  CHECK(fedx_state_read(engine, FEDX_STATE_PARAMS, few, sizeof few, err, 256) == FEDX_E_ARGUMENT);
  CHECK(fedx_state_write(engine, 9, few, sizeof few, err, 256) == FEDX_E_ARGUMENT);
  CHECK(fedx_train_submit(engine, data, good.data(), uint32_t(good.size()), &ticket, err, 256) == FEDX_OK);
  CHECK(fedx_data_destroy(data, err, 256) == FEDX_OK);  // the queued chunk keeps the data alive
  float out[3];
  CHECK(fedx_wait(ticket, out, sizeof out, err, 256) == FEDX_OK && fedx_wait(ticket, out, sizeof out, err, 256) == FEDX_E_HANDLE);
  CHECK(fedx_engine_destroy(engine, err, 256) == FEDX_OK && fedx_engine_destroy(engine, err, 256) == FEDX_E_HANDLE);
  CHECK(fedx_data_destroy(small, err, 256) == FEDX_OK && fedx_live_handles() == before);
}

// Last: nothing works after it.
void shutdown_ends_waiting_calls() {
  char err[256];
  const uint32_t engine = made(config_json(), err);
  uint32_t data = 0, ticket = 0, queued = 0;
  CHECK(fedx_data_create(4, 32, 32, &data, err, 256) == FEDX_OK);
  const auto brief = packed_plan(64, 4, 0), plan = packed_plan(4096, 4, 0);  // 64 steps take about a second
  std::vector<uint8_t> few(4 + 8 * 64), out(4 + 8 * 4096);
  CHECK(fedx_train_submit(engine, data, brief.data(), uint32_t(brief.size()), &ticket, err, 256) == FEDX_OK);
  CHECK(fedx_train_submit(engine, data, plan.data(), uint32_t(plan.size()), &queued, err, 256) == FEDX_OK);
  CHECK(fedx_cancel(engine, err, 256) == FEDX_OK);  // the first may be under way by now, the second is not
  CHECK(fedx_wait(queued, out.data(), uint32_t(out.size()), err, 256) == FEDX_E_CANCELLED);
  const int32_t first = fedx_wait(ticket, few.data(), uint32_t(few.size()), err, 256);
  CHECK(first == FEDX_OK || first == FEDX_E_CANCELLED);
  CHECK(fedx_train_submit(engine, data, plan.data(), uint32_t(plan.size()), &ticket, err, 256) == FEDX_OK);
  int32_t status = -1;
  std::thread waiting([&] { status = fedx_wait(ticket, out.data(), uint32_t(out.size()), err, 256); });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  CHECK(fedx_shutdown() == FEDX_OK && fedx_shutdown() == FEDX_OK);
  waiting.join();
  CHECK(status == FEDX_E_SHUTDOWN && fedx_live_handles() == 0);
  CHECK(fedx_data_create(4, 32, 32, &data, err, 256) == FEDX_E_SHUTDOWN);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: fedx-test GOLDEN_DIR [TEST...]\n"), 2;
  golden_dir = argv[1];
  const std::set<std::string> chosen(argv + 2, argv + argc);
  if (chosen.count("philox")) return philox_of_standard_input(), 0;
  std::vector<Test> tests = {TEST(philox_matches_known_answers), TEST(loss_gradient_is_its_slope), TEST(adam_equals_torch_optim),
                        TEST(config_is_strict), TEST(augmentation_moves_only_what_is_on), TEST(augmentation_equals_torchvision),
                        TEST(statistics_stay_finite), TEST(parallel_for_uses_two_threads),
                        TEST(train_equals_pytorch_in_float64), TEST(abi_refuses_bad_arguments)};
  tests.insert(tests.end(), device_tests.begin(), device_tests.end());
  tests.push_back(TEST(shutdown_ends_waiting_calls));
  int failed = 0;
  for (const Test& test : tests) {
    if (!chosen.empty() && !chosen.count(test.name)) continue;
    try {
      test.body();
      std::printf("ok %s\n", test.name);
    } catch (const std::exception& e) {
      ++failed;
      std::printf("failed %s: %s\n", test.name, e.what());
    }
  }
  return failed ? 1 : 0;
}
