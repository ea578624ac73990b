// Bodies of the C ABI: keep exceptions in, check arguments, hand to the engine. No mathematics.
#include "fedx.h"

#include <torch/csrc/api/include/torch/version.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "engine/engine.h"

#ifndef FEDX_BUILD
#define FEDX_BUILD "unknown"
#endif

using namespace fedx;

namespace {

// Everything with a handle. Never destroyed: worker threads may still wake up in it while the process exits.
struct Registry {
  std::mutex mutex;
  bool down = false;
  uint32_t last = 0;
  std::map<uint32_t, std::shared_ptr<Engine>> engines;
  std::map<uint32_t, std::shared_ptr<Data>> data;
  std::map<uint32_t, std::shared_ptr<Job>> tickets;
};
Registry& registry() {
  static Registry* const r = new Registry();
  return *r;
}

template <class T>
using Map = std::map<uint32_t, std::shared_ptr<T>> Registry::*;

[[noreturn]] void refuse(const std::string& text) { throw Failure(FEDX_E_ARGUMENT, text); }

std::string expected(const char* what, uint64_t want, uint64_t got) {
  return std::string("Cannot use ") + what + ": expected " + std::to_string(want) + ", got " + std::to_string(got);
}

void say(char* err, uint32_t errlen, const char* text) {
  if (err == nullptr || errlen == 0) return;
  const size_t n = std::min<size_t>(std::strlen(text), errlen - 1);
  std::memcpy(err, text, n);
  err[n] = 0;
}

// The firewall: nothing thrown inside leaves.
template <class F>
int32_t guard(char* err, uint32_t errlen, F body) noexcept {
  int32_t code = FEDX_E_INTERNAL;
  try {
    body();
    return FEDX_OK;
  } catch (const Failure& e) {
    code = e.code;
    say(err, errlen, e.what());
  } catch (const ConfigError& e) {
    code = FEDX_E_CONFIG;
    say(err, errlen, e.what());
  } catch (const std::bad_alloc&) {
    code = FEDX_E_MEMORY;
    say(err, errlen, "out of memory");
  } catch (const std::exception& e) {
    say(err, errlen, e.what());
  } catch (...) {
    say(err, errlen, "unknown failure");
  }
  return code;
}

template <class T>
uint32_t add(Map<T> map, std::shared_ptr<T> item) {
  Registry& r = registry();
  std::lock_guard lock(r.mutex);
  if (r.down) throw Failure(FEDX_E_SHUTDOWN, "Cannot use the library: it was shut down");
  while (++r.last == 0 || r.engines.count(r.last) || r.data.count(r.last) || r.tickets.count(r.last)) {}
  (r.*map)[r.last] = std::move(item);
  return r.last;
}

template <class T>
std::shared_ptr<T> find(Map<T> map, uint32_t id, const char* what, bool take = false) {
  Registry& r = registry();
  std::lock_guard lock(r.mutex);
  if (r.down) throw Failure(FEDX_E_SHUTDOWN, "Cannot use the library: it was shut down");
  auto found = (r.*map).find(id);
  if (found == (r.*map).end()) {
    throw Failure(FEDX_E_HANDLE, std::string("Cannot find ") + what + " " + std::to_string(id) + ": it was never made or is freed");
  }
  auto item = found->second;
  if (take) (r.*map).erase(found);
  return item;
}

std::shared_ptr<Engine> engine_of(uint32_t id) { return find(&Registry::engines, id, "engine"); }
std::shared_ptr<Data> data_of(uint32_t id) { return find(&Registry::data, id, "data set"); }

// `count` whole things of `size` bytes from row `first` must lie in the data set.
void check_rows(const Data& data, uint32_t first, uint64_t count) {
  if (uint64_t(first) + count > data.n) refuse(expected("rows: the last one must lie below", data.n, uint64_t(first) + count));
}

void check_shape(const Engine& engine, const Data& data, const uint32_t* rows, size_t count) {
  const uint32_t size = engine.config().size;
  if (data.h != size || data.w != size) refuse(expected("the data set: image size", size, data.h));
  for (size_t i = 0; i < count; ++i) {
    if (rows[i] >= data.n) refuse(expected("rows: each must lie below", data.n, rows[i]));
  }
}

TrainPlan read_plan(const Config& config, const uint8_t* bytes, uint32_t len) {
  uint32_t head[4];
  if (bytes == nullptr || len < sizeof head) refuse(expected("the plan: bytes of its head", sizeof head, len));
  std::memcpy(head, bytes, sizeof head);
  const uint32_t steps = head[0], batch = head[1];
  if (steps < 1 || steps > 4096) refuse(expected("the plan: steps, at most", 4096, steps));
  if (batch != config.recipe.batch) refuse(expected("the plan: batch", config.recipe.batch, batch));
  const uint64_t want = sizeof head + uint64_t(steps) * (8 + uint64_t(batch) * 4);
  if (len != want) refuse(expected("the plan: bytes", want, len));
  if (head[3] > 1) refuse(expected("the plan: fixed, 0 or", 1, head[3]));
  TrainPlan plan{head[2], std::vector<float>(steps), std::vector<float>(steps), std::vector<uint32_t>(size_t(steps) * batch), head[3] == 1};
  std::memcpy(plan.lr.data(), bytes + 16, steps * 4);
  std::memcpy(plan.clip.data(), bytes + 16 + steps * 4, steps * 4);
  std::memcpy(plan.rows.data(), bytes + 16 + steps * 8, plan.rows.size() * 4);
  for (float x : plan.lr) {
    if (!(x >= 0 && std::isfinite(x))) refuse("Cannot use the plan: expected finite learning-rate factors of at least 0");
  }
  for (float x : plan.clip) {
    if (!(x > 0)) refuse("Cannot use the plan: expected clip norms above 0");
  }
  return plan;
}

}  // namespace

extern "C" {

int32_t fedx_abi_version(void) { return FEDX_ABI_VERSION; }

int32_t fedx_build(char* out, uint32_t outlen, char* err, uint32_t errlen) {
  return guard(err, errlen, [&] {
    const std::string text = std::string(FEDX_BUILD) + " " + TORCH_VERSION;
    if (out == nullptr || outlen < text.size() + 1) refuse(expected("the buffer: bytes", text.size() + 1, outlen));
    say(out, outlen, text.c_str());
  });
}

int32_t fedx_engine_create(const char* config, uint32_t configlen, uint32_t* engine, char* err, uint32_t errlen) {
  return guard(err, errlen, [&] {
    if (config == nullptr || engine == nullptr) refuse("Cannot make an engine: expected a config and a place for the handle");
    *engine = add(&Registry::engines, std::make_shared<Engine>(parse_config(std::string(config, configlen))));
  });
}

int32_t fedx_engine_destroy(uint32_t engine, char* err, uint32_t errlen) {
  return guard(err, errlen, [&] { find(&Registry::engines, engine, "engine", true)->stop(FEDX_E_CANCELLED); });
}

int32_t fedx_layout(uint32_t engine, char* out, uint32_t outlen, uint32_t* needed, char* err, uint32_t errlen) {
  return guard(err, errlen, [&] {
    const auto e = engine_of(engine);
    const size_t size = e->layout().size() + 1;
    if (needed != nullptr) *needed = uint32_t(size);
    if (out == nullptr || outlen < size) refuse(expected("the buffer: bytes", size, outlen));
    say(out, outlen, e->layout().c_str());
  });
}

int32_t fedx_engine_device(uint32_t engine, char* out, uint32_t outlen, char* err, uint32_t errlen) {
  return guard(err, errlen, [&] {
    const auto e = engine_of(engine);
    const size_t size = e->device().size() + 1;
    if (out == nullptr || outlen < size) refuse(expected("the buffer: bytes", size, outlen));
    say(out, outlen, e->device().c_str());
  });
}

int32_t fedx_state_read(uint32_t engine, uint32_t kind, void* out, uint32_t len, char* err, uint32_t errlen) {
  return guard(err, errlen, [&] {
    if (kind > FEDX_STATE_SCALARS) refuse(expected("the state kind: at most", FEDX_STATE_SCALARS, kind));
    const auto bytes = engine_of(engine)->read(kind);
    if (out == nullptr || len != bytes.size()) refuse(expected("the buffer: bytes", bytes.size(), len));
    std::memcpy(out, bytes.data(), bytes.size());
  });
}

int32_t fedx_state_write(uint32_t engine, uint32_t kind, const void* in, uint32_t len, char* err, uint32_t errlen) {
  return guard(err, errlen, [&] {
    if (kind > FEDX_STATE_SCALARS) refuse(expected("the state kind: at most", FEDX_STATE_SCALARS, kind));
    engine_of(engine)->write(kind, in, in == nullptr ? 0 : len);
  });
}

int32_t fedx_data_create(uint32_t n, uint32_t h, uint32_t w, uint32_t* data, char* err, uint32_t errlen) {
  return guard(err, errlen, [&] {
    if (n == 0 || h == 0 || w == 0 || h > 4096 || w > 4096 || data == nullptr) refuse("Cannot make a data set: expected n >= 1 and sides of 1 to 4096");
    auto made = std::make_shared<Data>(Data{n, h, w, std::vector<uint8_t>(size_t(n) * h * w), std::vector<uint8_t>(n)});
    *data = add(&Registry::data, std::move(made));
  });
}

int32_t fedx_data_destroy(uint32_t data, char* err, uint32_t errlen) {
  return guard(err, errlen, [&] { find(&Registry::data, data, "data set", true); });
}

int32_t fedx_data_put(uint32_t data, uint32_t first, const uint8_t* pixels, uint32_t len, char* err, uint32_t errlen) {
  return guard(err, errlen, [&] {
    const auto d = data_of(data);
    const uint64_t image = uint64_t(d->h) * d->w;
    if (pixels == nullptr || len % image != 0 || len > (64u << 20)) refuse(expected("pixels: whole images, at most 64 MiB, each of bytes", image, len));
    check_rows(*d, first, len / image);
    std::memcpy(d->pixels.data() + first * image, pixels, len);
    ++*d->version;
  });
}

int32_t fedx_data_labels(uint32_t data, uint32_t first, const uint8_t* labels, uint32_t len, char* err, uint32_t errlen) {
  return guard(err, errlen, [&] {
    const auto d = data_of(data);
    check_rows(*d, first, len);
    if (labels == nullptr || std::any_of(labels, labels + len, [](uint8_t x) { return x > 1; })) refuse("Cannot use labels: expected 0 or 1");
    std::memcpy(d->labels.data() + first, labels, len);
    ++*d->version;
  });
}

int32_t fedx_train_submit(uint32_t engine, uint32_t data, const uint8_t* plan, uint32_t len, uint32_t* ticket, char* err, uint32_t errlen) {
  return guard(err, errlen, [&] {
    const auto e = engine_of(engine);
    const auto d = data_of(data);
    if (ticket == nullptr) refuse("Cannot train: expected a place for the ticket");
    TrainPlan read = read_plan(e->config(), plan, len);
    check_shape(*e, *d, read.rows.data(), read.rows.size());
    *ticket = add(&Registry::tickets, e->train(d, std::move(read)));
  });
}

int32_t fedx_predict_submit(uint32_t engine, uint32_t data, const uint32_t* rows, uint32_t count, uint32_t* ticket, char* err, uint32_t errlen) {
  return guard(err, errlen, [&] {
    const auto e = engine_of(engine);
    const auto d = data_of(data);
    if (ticket == nullptr || rows == nullptr) refuse("Cannot predict: expected rows and a place for the ticket");
    check_shape(*e, *d, rows, count);
    *ticket = add(&Registry::tickets, e->predict(d, std::vector<uint32_t>(rows, rows + count)));
  });
}

int32_t fedx_wait(uint32_t ticket, void* out, uint32_t len, char* err, uint32_t errlen) {
  return guard(err, errlen, [&] {
    const auto bytes = find(&Registry::tickets, ticket, "ticket", true)->wait();
    if (len != bytes.size() || (out == nullptr && len > 0)) refuse(expected("the buffer: bytes", bytes.size(), len));
    if (len > 0) std::memcpy(out, bytes.data(), len);
  });
}

int32_t fedx_cancel(uint32_t engine, char* err, uint32_t errlen) {
  return guard(err, errlen, [&] { engine_of(engine)->cancel(FEDX_E_CANCELLED); });
}

uint32_t fedx_live_handles(void) {
  Registry& r = registry();
  std::lock_guard lock(r.mutex);
  return uint32_t(r.engines.size() + r.data.size() + r.tickets.size());
}

int32_t fedx_shutdown(void) {
  return guard(nullptr, 0, [] {
    Registry& r = registry();
    std::map<uint32_t, std::shared_ptr<Engine>> engines;
    {
      std::lock_guard lock(r.mutex);
      r.down = true;
      engines = std::move(r.engines);
      r.engines.clear();
      r.data.clear();
      r.tickets.clear();
    }
    for (auto& [id, engine] : engines) engine->stop(FEDX_E_SHUTDOWN);
  });
}

}  // extern "C"
