#include "augment.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace fedx {
namespace {

struct Draw {
  bool flip = false;
  double angle = 0;  // radians
  float brightness = 1, contrast = 1;
};

Draw draw(const Config& config, uint32_t step, uint32_t position) {
  const Recipe& r = config.recipe;
  const Words w = block(config.key, Purpose::augment, 0, step, position, 0);
  const auto around = [](uint32_t word, double width) { return (2 * double(uniform(word)) - 1) * width; };
  Draw d;
  d.flip = r.flip && uniform(w[0]) < .5f;
  d.angle = around(w[1], r.rotation) * M_PI / 180;
  d.brightness = float(1 + around(w[2], r.brightness));
  d.contrast = float(1 + around(w[3], r.contrast));
  return d;
}

// Rotates about the centre (bilinear, black outside), then mirrors left to right; values stay in [0, 255].
void transform(const uint8_t* in, int size, const Draw& d, float* out) {
  const float c = float(std::cos(d.angle)), s = float(std::sin(d.angle)), middle = float(size - 1) / 2;
  const auto pixel = [&](int y, int x) { return x < 0 || y < 0 || x >= size || y >= size ? 0.f : float(in[y * size + x]); };
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x) {
      const float dx = float(d.flip ? size - 1 - x : x) - middle, dy = float(y) - middle;
      const float fx = c * dx + s * dy + middle, fy = c * dy - s * dx + middle;
      const int x0 = int(std::floor(fx)), y0 = int(std::floor(fy));
      const float ax = fx - float(x0), ay = fy - float(y0);
      const float top = pixel(y0, x0) * (1 - ax) + pixel(y0, x0 + 1) * ax;
      const float bottom = pixel(y0 + 1, x0) * (1 - ax) + pixel(y0 + 1, x0 + 1) * ax;
      out[y * size + x] = top * (1 - ay) + bottom * ay;
    }
  }
}

// v ← clamp(v · brightness), then clamp(mean + (v − mean) · contrast), both in [0, 255].
void adjust(float* v, size_t count, const Draw& d) {
  double sum = 0;
  for (size_t i = 0; i < count; ++i) sum += v[i] = std::clamp(v[i] * d.brightness, 0.f, 255.f);
  const float mean = float(sum / double(count));
  for (size_t i = 0; i < count; ++i) v[i] = std::clamp(mean + (v[i] - mean) * d.contrast, 0.f, 255.f);
}

}  // namespace

template <class T>
void prepare_pixels(const Config& config, const uint8_t* const* images, uint32_t count, bool augment, uint32_t step, T* out) {
  const Recipe& r = config.recipe;
  const size_t pixels = size_t(config.size) * config.size, channels = config.channels;
  const bool geometry = augment && (r.flip || r.rotation > 0), tone = augment && (r.brightness > 0 || r.contrast > 0);
  at::parallel_for(0, count, 1, [&](int64_t first, int64_t last) {
    std::vector<float> values(pixels);
    for (int64_t i = first; i < last; ++i) {
      const Draw d = geometry || tone ? draw(config, step, uint32_t(i)) : Draw();
      if (geometry) transform(images[i], int(config.size), d, values.data());
      else std::copy(images[i], images[i] + pixels, values.begin());
      if (tone) adjust(values.data(), pixels, d);
      T* to = out + size_t(i) * pixels * channels;
      for (size_t c = 0; c < channels; ++c) {
        const T scale = T(1 / (255 * config.deviation[c])), shift = T(config.mean[c] / config.deviation[c]);
        for (size_t p = 0; p < pixels; ++p) to[p * channels + c] = T(values[p]) * scale - shift;
      }
    }
  });
}

template void prepare_pixels<float>(const Config&, const uint8_t* const*, uint32_t, bool, uint32_t, float*);
template void prepare_pixels<double>(const Config&, const uint8_t* const*, uint32_t, bool, uint32_t, double*);

}  // namespace fedx
