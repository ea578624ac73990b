// Tests of the device-agnostic steps, on the CPU: the same code runs on a GPU, so that what is left untried without one is cuda.cpp.
#include <c10/util/Exception.h>

#include <limits>

#include "engine/job.h"
#include "fedx.h"
#include "golden.h"
#include "test.h"

namespace fedx {
namespace {

Config portable(std::map<std::string, std::string> changes = {}) {
  changes["portable"] = "true";
  return parse_config(config_json(changes));
}

// Loss scale 65536 and its like go in and out as three numbers.
std::vector<double> scalars(Engine& engine) {
  const auto bytes = engine.read(FEDX_STATE_SCALARS);
  std::vector<double> out(bytes.size() / sizeof(double));
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}
void set_scalars(Engine& engine, std::vector<double> values) { engine.write(FEDX_STATE_SCALARS, values.data(), values.size() * sizeof(double)); }

void start(Engine& engine) {
  const auto values = start_values(engine);
  engine.write(FEDX_STATE_PARAMS, values.data(), values.size() * 4);
}

TrainPlan plan_of(uint32_t steps, uint32_t batch, uint32_t images, uint32_t first, bool fixed = false) {
  TrainPlan plan{first, std::vector<float>(steps, .5f), std::vector<float>(steps, 3), {}, fixed};
  for (uint32_t i = 0; i < steps * batch; ++i) plan.rows.push_back(i % images);
  return plan;
}

struct Trained {
  uint32_t skipped;
  std::vector<float> losses, norms;
};
Trained train(Engine& engine, const std::shared_ptr<const Data>& data, uint32_t steps, uint32_t first = 0, bool fixed = false) {
  const auto bytes = engine.train(data, plan_of(steps, engine.config().recipe.batch, data->n, first, fixed))->wait();
  Trained out{0, std::vector<float>(steps), std::vector<float>(steps)};
  CHECK(bytes.size() == 4 + 8 * steps);
  std::memcpy(&out.skipped, bytes.data(), 4);
  std::memcpy(out.losses.data(), bytes.data() + 4, 4 * steps);
  std::memcpy(out.norms.data(), bytes.data() + 4 + 4 * steps, 4 * steps);
  return out;
}

std::vector<float> scores(Engine& engine, const std::shared_ptr<const Data>& data) {
  std::vector<uint32_t> rows(data->n);
  for (uint32_t i = 0; i < data->n; ++i) rows[i] = data->n - 1 - i;
  const auto bytes = engine.predict(data, rows)->wait();
  std::vector<float> out(rows.size());
  CHECK(bytes.size() == 4 * rows.size());
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

TEST(device_steps_train_like_the_loops) {
  const std::map<std::string, std::string> augmented = {{"flip", "true"}, {"rotation", "10"}, {"brightness", "0.1"}, {"contrast", "0.1"}};
  Engine loops(parse_config(config_json(augmented))), ours(portable(augmented));
  const auto data = films(ours.config().key, 20, 32);
  start(loops);
  start(ours);
  const auto before = scores(loops, data), same = scores(ours, data);
  for (size_t i = 0; i < before.size(); ++i) close_to(same[i], before[i], 1e-4 * std::max(1.f, std::abs(before[i])), "logit");
  const auto want = train(loops, data, 3), got = train(ours, data, 3);
  // Adam turns rounding of near-zero gradients into whole steps: only the first loss has the same weights.
  for (size_t k = 0; k < 3; ++k) close_to(got.losses[k], want.losses[k], (k ? .1 : 1e-3) * want.losses[k], "loss of step " + std::to_string(k));
  close_to(got.norms[0], want.norms[0], 1e-2 * want.norms[0], "norm of the first step");
  CHECK(ours.device() == "cpu" && scalars(ours) == (std::vector<double>{3, 1, 0}) && scalars(loops) == scalars(ours));
}

// What a step reads and writes stays where it is: recorded and replayed, 7 steps (more than the 3 that are loaded at once) give the same bits;
// in chunks of 5 and 2 too, and where all are loaded at once.
TEST(recorded_steps_equal_queued_ones) {
  const auto few = [](Config config) { return config.loaded = 3, config; };
  Engine queued(few(portable())), recorded(few(portable({{"graph", "true"}}))), pieces(portable());
  const auto data = films(queued.config().key, 20, 32);
  std::vector<Trained> results;
  for (Engine* engine : {&queued, &recorded}) {
    start(*engine);
    results.push_back(train(*engine, data, 7));
    start(*engine);  // in place
    results.push_back(train(*engine, data, 2));
  }
  CHECK(results[0].losses == results[2].losses && results[0].norms == results[2].norms && results[1].losses == results[3].losses);
  CHECK(results[0].losses[6] != results[0].losses[0]);
  start(pieces);
  auto losses = train(pieces, data, 5).losses;  // all 20 films: the next chunk begins with the first one again
  const auto rest = train(pieces, data, 2, 5).losses;
  losses.insert(losses.end(), rest.begin(), rest.end());
  CHECK(losses == results[0].losses);
  CHECK(queued.read(FEDX_STATE_PARAMS) == recorded.read(FEDX_STATE_PARAMS));
  // A recorded step has BatchNorm's statistics fixed or not: with the other kind it is recorded again.
  for (bool fixed : {true, false}) {
    CHECK(train(queued, data, 5, 7, fixed).losses == train(recorded, data, 5, 7, fixed).losses);
    CHECK(queued.read(FEDX_STATE_PARAMS) == recorded.read(FEDX_STATE_PARAMS));
  }
}

TEST(inf_skips_the_step_and_halves_the_scale) {
  Engine engine(portable({{"precision", "\"bf16\""}}));
  const auto data = films(engine.config().key, 8, 32);
  start(engine);
  CHECK(scalars(engine) == (std::vector<double>{0, 65536, 0}));
  CHECK(train(engine, data, 2).skipped == 0);
  CHECK(scalars(engine) == (std::vector<double>{2, 65536, 2}));
  std::vector<std::vector<uint8_t>> before;
  const auto kinds = {FEDX_STATE_PARAMS, FEDX_STATE_M, FEDX_STATE_V, FEDX_STATE_VMAX};
  for (uint32_t kind : kinds) before.push_back(engine.read(kind));
  const double huge = 0x1p127;  // times a gradient in bf16: inf
  set_scalars(engine, {2, huge, 2});
  CHECK(train(engine, data, 1).skipped == 1);
  CHECK(scalars(engine) == (std::vector<double>{2, huge / 2, 0}));
  size_t i = 0;
  for (uint32_t kind : kinds) {
    auto after = engine.read(kind);
    if (kind == FEDX_STATE_PARAMS) after.resize(before[1].size()), before[0].resize(before[1].size());  // weights: statistics do move
    CHECK(after == before[i++]);
  }
  set_scalars(engine, {2, 1024, 1999});
  CHECK(train(engine, data, 1).skipped == 0);
  CHECK(scalars(engine) == (std::vector<double>{3, 2048, 0}));
  engine.write(FEDX_STATE_SCALARS, nullptr, 0);
  CHECK(scalars(engine) == (std::vector<double>{0, 65536, 0}));
}

TEST(bf16_losses_follow_fp32) {
  std::map<std::string, std::string> larger = {{"size", "64"}, {"batch", "8"}};  // at 32 px BatchNorm sees four values a channel, and rounding grows
  Engine full(portable(larger));
  larger["precision"] = "\"bf16\"";
  Engine lower(portable(larger));
  const auto data = films(full.config().key, 16, 64);
  start(full);
  start(lower);
  const auto logits = scores(full, data), rounded = scores(lower, data);
  CHECK(logits != rounded);
  for (size_t i = 0; i < logits.size(); ++i) close_to(rounded[i], logits[i], .1 * std::max(1.f, std::abs(logits[i])), "logit " + std::to_string(i));
  const auto want = train(full, data, 2), got = train(lower, data, 2);
  CHECK(want.losses != got.losses);  // it did run in bf16
  for (size_t k = 0; k < 2; ++k) {
    close_to(got.losses[k], want.losses[k], .25 * want.losses[k], "loss of step " + std::to_string(k));
    close_to(got.norms[k], want.norms[k], .25 * want.norms[k], "norm of step " + std::to_string(k));
  }
}

TEST(resident_pixels_follow_the_data_set) {
  Engine engine(portable());
  start(engine);
  auto first = films(engine.config().key, 6, 32), second = films({1, 1}, 6, 32);
  const auto scored = scores(engine, first);
  CHECK(scores(engine, second) != scored && scores(engine, first) == scored);
  first->pixels.assign(first->pixels.size(), 0);
  CHECK(scores(engine, first) == scored);  // nobody said that it had changed
  ++*first->version;
  CHECK(scores(engine, first) != scored);
}

TEST(memory_of_the_gpu_has_its_code) {
  Job job([]() -> std::vector<uint8_t> { throw c10::OutOfMemoryError({__func__, __FILE__, 0}, "CUDA out of memory"); }, true);
  job.run();
  try {
    job.wait();
  } catch (const Failure& e) {
    CHECK(e.code == FEDX_E_MEMORY && std::string(e.what()).find("lower the batch") != std::string::npos);
    return;
  }
  CHECK(!"the job to fail");
}

TEST(precision_is_refused_where_it_cannot_be) {
  const auto code = [](const std::string& precision) {
    try {
      Engine engine(parse_config(config_json({{"precision", "\"" + precision + "\""}})));
    } catch (const Failure& e) {
      CHECK(std::string(e.what()).find("precision") != std::string::npos);
      return e.code;
    }
    return int32_t(FEDX_OK);
  };
  CHECK(code("fp16") == FEDX_E_CONFIG && code("auto") == FEDX_OK);
  Engine engine(portable({{"precision", "\"bf16\""}}));
  for (const std::vector<double>& bad : {std::vector<double>{0, 0, 0}, {0, std::numeric_limits<double>::quiet_NaN(), 0}, {-1, 1, 0}}) {
    try {
      set_scalars(engine, bad);
    } catch (const Failure& e) {
      CHECK(e.code == FEDX_E_ARGUMENT);
      continue;
    }
    CHECK(!"a loss scale that is none to be refused");
  }
}

}  // namespace
}  // namespace fedx
