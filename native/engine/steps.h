// Training and scoring over a network's buffers, whoever does it: the CPU's own loops (host_steps.h) or any device (device_steps.h).
#pragma once
#include <atomic>
#include <memory>
#include <vector>

#include "data.h"
#include "network.h"
#include "recipe.h"

namespace fedx {

// What steps work on: made once, at addresses that never change.
struct Workspace {
  const Config& config;
  const std::atomic<int32_t>& stopping;  // once not 0, chunks end with this code
  at::ScalarType type;                   // of weights and moments
  std::unique_ptr<Network> net;
  std::vector<Span> spans;
  at::Tensor statistics;  // BatchNorm's running ones, a part of the flat buffer
  at::Tensor m, v, vmax;  // (weights), in the flat buffer's own order

  // At a step's border. Throws Failure.
  void check_stop() const;
};

// Functions throw Failure.
class Steps {
 public:
  virtual ~Steps() = default;
  // As fedx_wait describes them. Before `predict`, blocks are folded.
  virtual std::vector<uint8_t> train(const std::shared_ptr<const Data>& data, const TrainPlan& plan) = 0;
  virtual std::vector<uint8_t> predict(const std::shared_ptr<const Data>& data, const std::vector<uint32_t>& rows) = 0;
  // FEDX_STATE_SCALARS; an empty list sets them as a run starts.
  virtual std::vector<double> scalars() const = 0;
  virtual void set_scalars(const std::vector<double>& values) = 0;
};

constexpr size_t scalar_count = 3;

template <class T>
void append(std::vector<uint8_t>& out, const T* values, size_t count) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(values);
  out.insert(out.end(), bytes, bytes + count * sizeof(T));
}

}  // namespace fedx
