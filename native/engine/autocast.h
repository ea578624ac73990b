// Automatic mixed precision for a stretch of code on this thread: convolutions and matrix products run in a lower type.
#pragma once
#include <ATen/autocast_mode.h>

namespace fedx {

// On construction as torch.autocast(device, type, cache_enabled=False); back to what it was when destroyed. `type` kFloat or kDouble: nothing.
// Why no cache: each weight is used once a pass, and a CUDA graph must not keep a cast of older weights.
class Autocast {
 public:
  Autocast(at::DeviceType device, at::ScalarType type)
      : device_(device), before_(at::autocast::get_autocast_dtype(device)), enabled_(at::autocast::is_autocast_enabled(device)),
        cached_(at::autocast::is_autocast_cache_enabled()) {
    const bool lower = type == at::kHalf || type == at::kBFloat16;
    if (lower) at::autocast::set_autocast_dtype(device, type);
    at::autocast::set_autocast_enabled(device, lower);
    at::autocast::set_autocast_cache_enabled(false);
  }
  ~Autocast() {
    at::autocast::set_autocast_cache_enabled(cached_);
    at::autocast::set_autocast_enabled(device_, enabled_);
    at::autocast::set_autocast_dtype(device_, before_);
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  at::DeviceType device_;
  at::ScalarType before_;
  bool enabled_, cached_;
};

}  // namespace fedx
