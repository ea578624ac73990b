// A piece of work for the engine's own thread. Functions throw Failure.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "failure.h"

namespace fedx {

// One queued piece of work and, once done, its result.
class Job {
 public:
  using Work = std::function<std::vector<uint8_t>()>;
  Job(Work work, bool chunk) : chunk(chunk), work_(std::move(work)) {}
  void run();
  void drop(int32_t code, const std::string& text);
  // Waits; returns the result or throws the failure.
  std::vector<uint8_t> wait();
  const bool chunk;  // may be dropped by cancel

 private:
  void finish(std::vector<uint8_t> result, int32_t code, const std::string& text);
  Work work_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  std::vector<uint8_t> result_;
  int32_t code_ = 0;
  std::string text_;
};

}  // namespace fedx
