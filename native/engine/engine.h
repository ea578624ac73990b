// An engine: one network, its optimizer and one thread that alone runs libtorch. Everything else queues work and waits.
// Why one thread: Deno calls us on a pool of 32, each of which would grow its own OpenMP team and lose grad mode.
// No torch types here, so that the ABI file builds fast. Functions throw Failure.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "config.h"
#include "data.h"
#include "job.h"

namespace fedx {

class Model;

class Engine {
 public:
  explicit Engine(Config config);
  ~Engine();

  const std::string& layout() const { return layout_; }
  const std::string& device() const { return device_; }
  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  const Config& config() const { return config_; }

  std::vector<uint8_t> read(uint32_t kind);
  void write(uint32_t kind, const void* bytes, size_t length);
  std::shared_ptr<Job> train(std::shared_ptr<const Data> data, TrainPlan plan);
  std::shared_ptr<Job> predict(std::shared_ptr<const Data> data, std::vector<uint32_t> rows);
  // PARAMS in f64 and layout order: what the fp64 engine of the tests has computed, unrounded.
  std::vector<double> exact_values();
  void cancel(int32_t code);
  // Cancels, stops at the next step's border, joins the thread. Any number of times, from any thread.
  void stop(int32_t code);

 private:
  std::shared_ptr<Job> push(Job::Work work, bool chunk);
  void loop();

  Config config_;
  std::string layout_, device_;
  std::vector<TensorInfo> tensors_;
  std::unique_ptr<Model> model_;  // used by the owner thread alone
  std::mutex mutex_, joining_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Job>> queue_;
  std::atomic<int32_t> stopping_{0};  // the code with which unfinished work ends
  std::thread thread_;
};

}  // namespace fedx
