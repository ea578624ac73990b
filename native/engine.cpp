#include "engine.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <cstring>

#include "augment.h"
#include "efficientnet.h"
#include "fedx.h"
#include "pool.h"
#include "recipe.h"

namespace fedx {
namespace {

constexpr uint32_t predict_batch = 64;

template <class T>
void append(std::vector<uint8_t>& out, const T* values, size_t count) {
  const size_t at = out.size();
  out.resize(at + count * sizeof(T));
  std::memcpy(out.data() + at, values, count * sizeof(T));
}

std::string layout_json(const Config& config, const Parameters& p) {
  static const char* const groups[] = {"classifier", "stem", "backbone"};
  std::string json = "{\"network\":\"" + config.network + "\",\"channels\":" + std::to_string(config.channels) + ",\"tensors\":[";
  for (const Slot* slot : p.ordered()) {
    std::string shape;
    for (int64_t n : slot->shape) shape += (shape.empty() ? "" : ",") + std::to_string(n);
    if (json.back() != '[') json += ",";
    json += "{\"name\":\"" + slot->name + "\",\"shape\":[" + shape + "],\"offset\":" + std::to_string(slot->offset) +
            ",\"length\":" + std::to_string(slot->length) + ",\"kind\":\"" + (slot->statistic ? "statistic" : "weight") +
            "\",\"group\":\"" + groups[int(slot->group)] + "\"}";
  }
  return json + "],\"length\":" + std::to_string(p.length) + ",\"weights\":" + std::to_string(p.weights) + "}";
}

std::vector<Span> spans_of(const Parameters& p, const Recipe& r) {
  std::vector<Span> spans;
  for (const Slot* slot : p.ordered()) {
    if (slot->statistic) continue;
    const double factor = slot->group == Group::classifier ? r.lr_classifier : slot->group == Group::stem ? r.lr_stem : r.lr_backbone;
    const size_t begin = size_t(slot->offset), end = begin + size_t(slot->length);
    if (!spans.empty() && spans.back().factor == factor) spans.back().end = end;
    else spans.push_back({begin, end, factor});
  }
  return spans;
}

}  // namespace

struct Engine::Core {
  Core(const Config& config, const std::atomic<int32_t>& stopping)
      : config(config), stopping(stopping), type(config.precision == "fp64" ? at::kDouble : at::kFloat) {
    net = efficientnet_b0(config.channels, type);
    spans = spans_of(net->parameters, config.recipe);
    for (at::Tensor* t : {&m, &v, &vmax}) *t = at::zeros({net->parameters.weights}, at::TensorOptions(type));
  }

  const Config& config;
  const std::atomic<int32_t>& stopping;
  at::ScalarType type;
  std::unique_ptr<Network> net;
  std::vector<Span> spans;
  at::Tensor m, v, vmax;  // (weights), in the flat buffer's own order
  double adam_steps = 0;
  bool folded = false;  // the folded weights belong to the current parameters

  void check_stop() const {
    if (const int32_t code = stopping) throw Failure(code, "Cannot finish the chunk: the engine was stopped");
  }

  // Pixels of `count` rows as the network's input, (count, channels, size, size) channels last.
  at::Tensor input(const Data& data, const uint32_t* rows, uint32_t count, bool augment, uint32_t step) const {
    std::vector<const uint8_t*> images(count);
    for (uint32_t i = 0; i < count; ++i) images[i] = data.pixels.data() + size_t(rows[i]) * data.h * data.w;
    at::Tensor x = at::empty({count, config.channels, config.size, config.size}, at::TensorOptions(type), at::MemoryFormat::ChannelsLast);
    if (type == at::kFloat) prepare_pixels(config, images.data(), count, augment, step, x.data_ptr<float>());
    else prepare_pixels(config, images.data(), count, augment, step, x.data_ptr<double>());
    return x;
  }

  // Forward, loss, backward: fills the gradient buffer, returns the loss.
  double differentiate(const Data& data, const uint32_t* rows, uint32_t step) {
    const uint32_t batch = config.recipe.batch;
    const Pass pass{config, true, step};
    at::Tensor x = input(data, rows, batch, true, step);
    for (auto& block : net->blocks) x = block->forward(x, pass);
    const at::Tensor logits = x.to(at::kDouble).contiguous();
    std::vector<uint8_t> labels(batch);
    for (uint32_t i = 0; i < batch; ++i) labels[i] = data.labels[rows[i]];
    at::Tensor gradient = at::empty({batch, 1}, at::TensorOptions(at::kDouble));
    const double value =
        loss(logits.data_ptr<double>(), labels.data(), batch, config.class_weights, config.recipe, gradient.data_ptr<double>());
    at::Tensor g = gradient.to(type);
    for (auto block = net->blocks.rbegin(); block != net->blocks.rend(); ++block) g = (*block)->backward(g);
    return value;
  }

  template <class T>
  double gradient_norm() const {
    return norm(net->parameters.gradients.data_ptr<T>(), size_t(net->parameters.weights));
  }

  template <class T>
  void update(double lr_factor, double scale) {
    Parameters& p = net->parameters;
    Adam<T>{p.values.data_ptr<T>(), m.data_ptr<T>(), v.data_ptr<T>(), vmax.data_ptr<T>(), p.gradients.data_ptr<T>()}.step(
        spans, config.recipe, lr_factor, scale, int64_t(adam_steps));
  }

  std::vector<uint8_t> train(const Data& data, const TrainPlan& plan) {
    const size_t steps = plan.lr.size();
    std::vector<float> losses(steps), norms(steps);
    uint32_t skipped = 0;
    folded = false;
    for (size_t k = 0; k < steps; ++k) {
      check_stop();
      const double value = differentiate(data, &plan.rows[k * config.recipe.batch], plan.first_step + uint32_t(k));
      const double size = type == at::kFloat ? gradient_norm<float>() : gradient_norm<double>();
      losses[k] = float(value);
      norms[k] = float(size);
      if (!std::isfinite(value) || !std::isfinite(size)) {
        ++skipped;
        continue;
      }
      adam_steps += 1;
      const double scale = std::min(1.0, double(plan.clip[k]) / (size + 1e-6));
      type == at::kFloat ? update<float>(plan.lr[k], scale) : update<double>(plan.lr[k], scale);
    }
    std::vector<uint8_t> out;
    append(out, &skipped, 1);
    append(out, losses.data(), steps);
    append(out, norms.data(), steps);
    return out;
  }

  std::vector<uint8_t> predict(const Data& data, const std::vector<uint32_t>& rows) {
    if (!folded) {
      for (auto& block : net->blocks) block->fold();
      folded = true;
    }
    const Pass pass{config, false, 0};
    std::vector<uint8_t> out;
    for (size_t first = 0; first < rows.size(); first += predict_batch) {
      check_stop();
      at::Tensor x = input(data, &rows[first], uint32_t(std::min<size_t>(predict_batch, rows.size() - first)), false, 0);
      for (auto& block : net->blocks) x = block->predict(x, pass);
      const at::Tensor logits = x.to(at::kFloat).contiguous();
      append(out, logits.data_ptr<float>(), size_t(logits.numel()));
    }
    return out;
  }

  const at::Tensor& moment(uint32_t kind) const { return kind == FEDX_STATE_M ? m : kind == FEDX_STATE_V ? v : vmax; }

  size_t state_bytes(uint32_t kind) const {
    if (kind == FEDX_STATE_SCALARS) return sizeof(double);
    return size_t(kind == FEDX_STATE_PARAMS ? net->parameters.length : net->parameters.weights) * sizeof(float);
  }

  // The part of a flat buffer that belongs to `slot`, seen in its OIHW shape.
  static at::Tensor part(const at::Tensor& flat, const Slot& slot) {
    return flat.as_strided(slot.value.sizes(), slot.value.strides(), slot.offset);
  }

  // `flat` in layout order and OIHW, as T. Moments have no statistics.
  template <class T>
  std::vector<uint8_t> copy_out(const at::Tensor& flat) const {
    std::vector<uint8_t> out(size_t(flat.numel()) * sizeof(T));
    for (const Slot* slot : net->parameters.ordered()) {
      if (slot->offset >= flat.numel()) break;
      at::from_blob(reinterpret_cast<T*>(out.data()) + slot->offset, slot->shape, c10::CppTypeToScalarType<T>::value).copy_(part(flat, *slot));
    }
    return out;
  }

  std::vector<uint8_t> read(uint32_t kind) const {
    if (kind != FEDX_STATE_SCALARS) return copy_out<float>(kind == FEDX_STATE_PARAMS ? net->parameters.values : moment(kind));
    std::vector<uint8_t> out;
    append(out, &adam_steps, 1);
    return out;
  }

  void write(uint32_t kind, std::vector<uint8_t>& in) {
    if (in.empty() && kind != FEDX_STATE_PARAMS) in.resize(state_bytes(kind));
    if (in.size() != state_bytes(kind)) {
      throw Failure(FEDX_E_ARGUMENT, "Cannot write state: expected " + std::to_string(state_bytes(kind)) + " bytes, got " + std::to_string(in.size()));
    }
    if (kind == FEDX_STATE_SCALARS) {
      std::memcpy(&adam_steps, in.data(), sizeof adam_steps);
      return;
    }
    folded = false;
    const at::Tensor& flat = kind == FEDX_STATE_PARAMS ? net->parameters.values : moment(kind);
    for (const Slot* slot : net->parameters.ordered()) {
      if (slot->offset >= flat.numel()) break;
      part(flat, *slot).copy_(at::from_blob(reinterpret_cast<float*>(in.data()) + slot->offset, slot->shape, at::kFloat));
    }
  }
};

void Job::finish(std::vector<uint8_t> result, int32_t code, const std::string& text) {
  std::lock_guard lock(mutex_);
  if (done_) return;
  work_ = nullptr;  // lets go of the data set
  result_ = std::move(result);
  code_ = code;
  text_ = text;
  done_ = true;
  changed_.notify_all();
}

void Job::run() {
  try {
    finish(work_(), FEDX_OK, "");
  } catch (const Failure& e) {
    finish({}, e.code, e.what());
  } catch (const std::bad_alloc&) {
    finish({}, FEDX_E_MEMORY, "Cannot run the chunk: out of memory; lower the batch or the image size");
  } catch (const std::exception& e) {
    const std::string text = e.what();
    finish({}, FEDX_E_INTERNAL, text.substr(0, text.find("\nException raised from")));
  } catch (...) {
    finish({}, FEDX_E_INTERNAL, "unknown failure");
  }
}

void Job::drop(int32_t code, const std::string& text) { finish({}, code, text); }

std::vector<uint8_t> Job::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return done_; });
  if (code_ != FEDX_OK) throw Failure(code_, text_);
  return std::move(result_);
}

Engine::Engine(Config config) : config_(std::move(config)) {
  if (config_.device == "cuda") {
    throw Failure(FEDX_E_NOT_BUILT, "Cannot use device \"cuda\": this library is built for the CPU only; set device to \"cpu\" or \"auto\"");
  }
  install_pool();
  thread_ = std::thread([this] { loop(); });
  try {
    push([this] {
      core_ = std::make_unique<Core>(config_, stopping_);
      layout_ = layout_json(config_, core_->net->parameters);
      for (const Slot* s : core_->net->parameters.ordered()) tensors_.push_back({s->name, s->shape, size_t(s->offset), size_t(s->length)});
      return std::vector<uint8_t>();
    }, false)->wait();
  } catch (...) {
    stop(FEDX_E_CANCELLED);
    throw;
  }
}

Engine::~Engine() { stop(FEDX_E_CANCELLED); }

void Engine::loop() {
  at::set_num_threads(int(config_.threads));
  at::NoGradGuard off;
  for (;;) {
    std::shared_ptr<Job> job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) break;
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    job->run();
  }
  core_.reset();  // frees torch memory on the thread that made it
}

std::shared_ptr<Job> Engine::push(Job::Work work, bool chunk) {
  auto job = std::make_shared<Job>(std::move(work), chunk);
  std::lock_guard lock(mutex_);
  if (const int32_t code = stopping_) throw Failure(code, "Cannot use the engine: it was stopped");
  queue_.push_back(job);
  changed_.notify_all();
  return job;
}

std::vector<uint8_t> Engine::read(uint32_t kind) {
  return push([this, kind] { return core_->read(kind); }, false)->wait();
}

void Engine::write(uint32_t kind, const void* bytes, size_t length) {
  const auto* first = static_cast<const uint8_t*>(bytes);
  auto copy = std::make_shared<std::vector<uint8_t>>(first, first + length);
  push([this, kind, copy] {
    core_->write(kind, *copy);
    return std::vector<uint8_t>();
  }, false)->wait();
}

std::vector<double> Engine::exact_values() {
  const auto bytes = push([this] { return core_->copy_out<double>(core_->net->parameters.values); }, false)->wait();
  std::vector<double> out(bytes.size() / sizeof(double));
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

std::shared_ptr<Job> Engine::train(std::shared_ptr<const Data> data, TrainPlan plan) {
  auto shared = std::make_shared<TrainPlan>(std::move(plan));
  return push([this, data, shared] { return core_->train(*data, *shared); }, true);
}

std::shared_ptr<Job> Engine::predict(std::shared_ptr<const Data> data, std::vector<uint32_t> rows) {
  auto shared = std::make_shared<std::vector<uint32_t>>(std::move(rows));
  return push([this, data, shared] { return core_->predict(*data, *shared); }, true);
}

void Engine::cancel(int32_t code) {
  std::deque<std::shared_ptr<Job>> dropped;
  {
    std::lock_guard lock(mutex_);
    std::deque<std::shared_ptr<Job>> kept;
    for (auto& job : queue_) (job->chunk ? dropped : kept).push_back(job);
    queue_ = std::move(kept);
  }
  for (auto& job : dropped) job->drop(code, "Cannot finish the chunk: it was cancelled");
}

void Engine::stop(int32_t code) {
  cancel(code);
  {
    std::lock_guard lock(mutex_);
    if (!stopping_) stopping_ = code;
    changed_.notify_all();
  }
  std::lock_guard lock(joining_);
  if (thread_.joinable()) thread_.join();
  cancel(code);
}

}  // namespace fedx
