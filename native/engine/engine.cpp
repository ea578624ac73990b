#include "engine.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <cstring>

#include "device/pool.h"
#include "fedx.h"
#include "model.h"

namespace fedx {

Engine::Engine(Config config) : config_(std::move(config)) {
  install_pool();
  thread_ = std::thread([this] { loop(); });
  try {
    push([this] {
      model_ = std::make_unique<Model>(config_, stopping_);
      layout_ = model_->layout();
      device_ = model_->device();
      tensors_ = model_->tensors();
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
  model_.reset();  // frees torch memory on the thread that made it
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
  return push([this, kind] { return model_->read(kind); }, false)->wait();
}

void Engine::write(uint32_t kind, const void* bytes, size_t length) {
  const auto* first = static_cast<const uint8_t*>(bytes);
  auto copy = std::make_shared<std::vector<uint8_t>>(first, first + length);
  push([this, kind, copy] {
    model_->write(kind, *copy);
    return std::vector<uint8_t>();
  }, false)->wait();
}

std::vector<double> Engine::exact_values() {
  const auto bytes = push([this] { return model_->read_exact(); }, false)->wait();
  std::vector<double> out(bytes.size() / sizeof(double));
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

std::shared_ptr<Job> Engine::train(std::shared_ptr<const Data> data, TrainPlan plan) {
  auto shared = std::make_shared<TrainPlan>(std::move(plan));
  return push([this, data, shared] { return model_->train(data, *shared); }, true);
}

std::shared_ptr<Job> Engine::predict(std::shared_ptr<const Data> data, std::vector<uint32_t> rows) {
  auto shared = std::make_shared<std::vector<uint32_t>>(std::move(rows));
  return push([this, data, shared] { return model_->predict(data, *shared); }, true);
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
