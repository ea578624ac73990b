// The training mathematics outside the network: loss, gradient norm, AdamW with AMSGrad. Plain loops over flat buffers, no torch types.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "config.h"

namespace fedx {

// One run of weights with one learning rate; spans cover the weight block in order.
struct Span {
  size_t begin, end;  // elements
  double factor;      // of the recipe's lr
};

// L = mean_i w[y_i] · alpha · (1 − p_t)^gamma · BCE(z_i, y_i), computed in f64 from logits. Writes dL/dz to `gradient`, returns L.
double loss(const double* logits, const uint8_t* labels, size_t count, const std::vector<double>& class_weights, const Recipe& recipe,
            double* gradient);

// ‖values‖₂, summed in f64 in a fixed order of 16,384-element pieces: the same for any number of threads.
template <class T>
double norm(const T* values, size_t count);

// One optimizer step as torch.optim.AdamW takes it (decoupled weight decay, AMSGrad), gradients scaled by `scale` first.
template <class T>
struct Adam {
  T *weights, *m, *v, *vmax;
  const T* gradient;
  void step(const std::vector<Span>& spans, const Recipe& recipe, double lr_factor, double scale, int64_t t) const;
};

}  // namespace fedx
