// The edges of the ABI: what it refuses, what a handle keeps alive, how calls that wait end.
#include "fedx.h"

#include <chrono>
#include <cstring>
#include <thread>

#include "golden.h"
#include "test.h"

namespace fedx {
namespace {

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

TEST(abi_refuses_bad_arguments) {
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

LAST_TEST(shutdown_ends_waiting_calls) {
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
}  // namespace fedx
