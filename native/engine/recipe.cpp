#include "recipe.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

namespace fedx {

double loss(const double* logits, const uint8_t* labels, size_t count, const std::vector<double>& class_weights, const Recipe& recipe,
            double* gradient) {
  double total = 0;
  for (size_t i = 0; i < count; ++i) {
    const double sign = labels[i] ? 1 : -1;
    const double u = sign * logits[i];  // the margin: p_t = sigmoid(u)
    const double e = std::exp(-std::abs(u));
    const double bce = std::max(-u, 0.0) + std::log1p(e);  // −log p_t
    const double miss = (u >= 0 ? e : 1) / (1 + e);        // 1 − p_t
    const double hit = (u >= 0 ? 1 : e) / (1 + e);         // p_t
    const double weight = class_weights[labels[i] ? 1 : 0] * recipe.alpha * std::pow(miss, recipe.gamma) / double(count);
    total += weight * bce;
    gradient[i] = -sign * weight * (recipe.gamma * hit * bce + miss);
  }
  return total;
}

template <class T>
double norm(const T* values, size_t count) {
  constexpr size_t piece = 16384;
  std::vector<double> sums((count + piece - 1) / piece);
  at::parallel_for(0, int64_t(sums.size()), 8, [&](int64_t first, int64_t last) {
    for (int64_t s = first; s < last; ++s) {
      double lanes[8] = {};
      const size_t begin = size_t(s) * piece, end = std::min(count, begin + piece);
      for (size_t i = begin; i < end; ++i) lanes[i % 8] += double(values[i]) * double(values[i]);
      sums[size_t(s)] = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
    }
  });
  double total = 0;
  for (double s : sums) total += s;
  return std::sqrt(total);
}

template <class T>
void Adam<T>::step(const std::vector<Span>& spans, const Recipe& recipe, double lr_factor, double scale, int64_t t) const {
  const double correction1 = 1 - std::pow(recipe.beta1, double(t));
  const double correction2 = std::sqrt(1 - std::pow(recipe.beta2, double(t)));
  const T beta1 = T(recipe.beta1), beta2 = T(recipe.beta2), rest1 = T(1 - recipe.beta1), rest2 = T(1 - recipe.beta2);
  const T eps = T(recipe.eps), root = T(1 / correction2), factor = T(scale);
  for (const Span& span : spans) {
    const double lr = recipe.lr * lr_factor * span.factor;
    const T keep = T(1 - lr * recipe.weight_decay), size = T(lr / correction1);
    at::parallel_for(int64_t(span.begin), int64_t(span.end), 16384, [&](int64_t first, int64_t last) {
#pragma omp simd
      for (int64_t i = first; i < last; ++i) {
        const T g = gradient[i] * factor;
        const T mi = beta1 * m[i] + rest1 * g;
        const T vi = beta2 * v[i] + rest2 * g * g;
        const T top = vmax[i] > vi ? vmax[i] : vi;
        m[i] = mi;
        v[i] = vi;
        vmax[i] = top;
        weights[i] = weights[i] * keep - size * mi / (std::sqrt(recipe.amsgrad ? top : vi) * root + eps);
      }
    });
  }
}

template double norm<float>(const float*, size_t);
template double norm<double>(const double*, size_t);
template struct Adam<float>;
template struct Adam<double>;

}  // namespace fedx
