// The engine's settings and their one way in: a flat JSON object, every field required, none unknown.
#pragma once
#include <stdexcept>
#include <string>
#include <vector>

#include "philox.h"

namespace fedx {

struct ConfigError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Every number of the training mathematics; src/model/recipe.ts owns their meaning and presets.
struct Recipe {
  uint32_t batch = 32;
  double lr = 1e-3, beta1 = .9, beta2 = .999, eps = 1e-8, weight_decay = 1e-4;
  bool amsgrad = true;
  double lr_classifier = 1, lr_stem = 1, lr_backbone = 1;  // factors of lr
  double gamma = 0, alpha = 1;                             // focal loss; gamma 0 = BCE
  double dropout = .2, stochastic_depth = .2;
  bool flip = false;
  double rotation = 0, brightness = 0, contrast = 0;  // ± degrees, ± fraction, ± fraction
};

struct Config {
  std::string network;    // one of network_names()
  std::string device;     // "auto" | "cpu" | "cuda"
  std::string precision;  // "auto": fp16 on a GPU, else fp32 | "fp32" | "fp16", GPU only | "bf16" | "fp64", CPU only and for tests
  uint32_t size = 128;    // pixels a side, 32..1024
  uint32_t channels = 1;  // 1 | 3
  uint32_t threads = 1;   // 1..256
  Key key;
  std::vector<double> class_weights;    // [negative, positive]
  std::vector<double> mean, deviation;  // per channel, of pixels in [0, 1]
  bool graph = false;                   // on a GPU: record a training step once and replay it
  bool deterministic = false;           // on a GPU: the same bits from the same input, with slower kernels
  bool portable = false;                // on the CPU: the device-agnostic steps, as on a GPU, in place of the CPU's own loops
  uint32_t loaded = 64;                 // device-agnostic steps: most steps whose rows and random numbers are uploaded at once
  Recipe recipe;
};

// Throws ConfigError that names the field, what was expected and what was found.
Config parse_config(const std::string& json);

}  // namespace fedx
