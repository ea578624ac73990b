#include "depthwise.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/convolution_backward.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <vector>

namespace fedx {
namespace {

// Channels whose sums stay in registers together.
constexpr int64_t width = 16;

// Sizes of one call: of the input, of the output, of the kernel and how it moves.
struct Extent {
  int64_t images, channels, h, w, out_h, out_w, kernel, stride, pad;
};

// Output positions [first, last) along a side whose input lies inside [0, length) for a kernel's element `k`.
struct Span {
  int64_t first, last;
  Span(int64_t k, int64_t length, int64_t out, const Extent& e) : first(ceil(e.pad - k, e.stride)), last(std::min(out, ceil(length + e.pad - k, e.stride))) {}

 private:
  // a / b rounded up, and never below 0.
  static int64_t ceil(int64_t a, int64_t b) { return a > 0 ? (a + b - 1) / b : 0; }
};

// Adds what the channels [c, c + n) of one image give to `sums`: (kernel², width). x and g begin at c; n = width is the quick case.
template <class T>
void add_image(const T* x, const T* g, int64_t n, const Extent& e, T* sums) {
  for (int64_t ky = 0; ky < e.kernel; ++ky) {
    const Span rows(ky, e.h, e.out_h, e);
    for (int64_t kx = 0; kx < e.kernel; ++kx) {
      const Span columns(kx, e.w, e.out_w, e);
      T part[width] = {};
      for (int64_t oy = rows.first; oy < rows.last; ++oy) {
        const T* a = x + ((oy * e.stride + ky - e.pad) * e.w + columns.first * e.stride + kx - e.pad) * e.channels;
        const T* b = g + (oy * e.out_w + columns.first) * e.channels;
        for (int64_t ox = columns.first; ox < columns.last; ++ox, a += e.stride * e.channels, b += e.channels) {
          if (n == width) {
            for (int64_t i = 0; i < width; ++i) part[i] += a[i] * b[i];
          } else {
            for (int64_t i = 0; i < n; ++i) part[i] += a[i] * b[i];
          }
        }
      }
      T* sum = sums + (ky * e.kernel + kx) * width;
      for (int64_t i = 0; i < n; ++i) sum[i] += part[i];
    }
  }
}

// dL/dw: (C, 1, kernel, kernel), of x and g = dL/dy, both channels last. Each channel is summed by one thread, image by image.
template <class T>
at::Tensor weight_gradient(const at::Tensor& x, const at::Tensor& g, const Extent& e) {
  at::Tensor found = at::empty({e.channels, 1, e.kernel, e.kernel}, x.options());
  const T* in = x.const_data_ptr<T>();
  const T* out = g.const_data_ptr<T>();
  T* to = found.mutable_data_ptr<T>();
  const int64_t taps = e.kernel * e.kernel;
  at::parallel_for(0, (e.channels + width - 1) / width, 1, [&](int64_t begin, int64_t end) {
    std::vector<T> sums(size_t(taps * width));
    for (int64_t c = begin * width; c < std::min(end * width, e.channels); c += width) {
      const int64_t n = std::min(width, e.channels - c);
      std::fill(sums.begin(), sums.end(), T(0));
      for (int64_t i = 0; i < e.images; ++i) {
        add_image(in + i * e.h * e.w * e.channels + c, out + i * e.out_h * e.out_w * e.channels + c, n, e, sums.data());
      }
      for (int64_t i = 0; i < n; ++i) {
        for (int64_t tap = 0; tap < taps; ++tap) to[(c + i) * taps + tap] = sums[size_t(tap * width + i)];
      }
    }
  });
  return found;
}

class Depthwise : public torch::autograd::Function<Depthwise> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& w, int64_t stride) {
    context->save_for_backward({x, w});
    context->saved_data["stride"] = stride;
    const int64_t pad = (w.size(2) - 1) / 2;
    return at::conv2d(x, w, {}, {stride, stride}, {pad, pad}, {1, 1}, w.size(0));
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor x = saved[0].contiguous(at::MemoryFormat::ChannelsLast), &w = saved[1];
    const at::Tensor g = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    const int64_t stride = context->saved_data["stride"].toInt(), pad = (w.size(2) - 1) / 2;
    const Extent e{x.size(0), x.size(1), x.size(2), x.size(3), g.size(2), g.size(3), w.size(2), stride, pad};
    at::Tensor of_x = std::get<0>(at::convolution_backward(g, x, w, {}, {stride, stride}, {pad, pad}, {1, 1}, false, {0, 0}, w.size(0),
                                                           {true, false, false}));
    return {of_x, x.scalar_type() == at::kFloat ? weight_gradient<float>(x, g, e) : weight_gradient<double>(x, g, e), at::Tensor()};
  }
};

}  // namespace

bool is_depthwise(const at::Tensor& x, int64_t filters, int64_t groups) {
  const bool plain = x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble;
  return x.is_cpu() && plain && !at::autocast::is_autocast_enabled(at::kCPU) && groups > 1 && groups == filters && groups == x.size(1);
}

at::Tensor depthwise(const at::Tensor& x, const at::Tensor& w, int64_t stride) { return Depthwise::apply(x, w, stride); }

}  // namespace fedx
