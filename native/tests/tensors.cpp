// What tensors compute: random numbers, the pixels that they move and the optimizer, against plain loops and golden values.
#include "engine/draws.h"

#include <ATen/ops/from_blob.h>

#include <cctype>

#include "engine/augment.h"
#include "engine/pixels.h"
#include "engine/scaled_adam.h"
#include "golden.h"
#include "test.h"

namespace fedx {
namespace {

// tests/golden/philox.json as its numbers, in the order of the file: of each vector the counter (4), the key (2), the words (4).
std::vector<uint32_t> golden_numbers() {
  std::vector<uint32_t> out;
  bool inside = false;
  for (char c : golden<char>("philox.json")) {
    const bool digit = std::isdigit(static_cast<unsigned char>(c));
    if (digit && !inside) out.push_back(0);
    if (digit) out.back() = out.back() * 10 + uint32_t(c - '0');
    inside = digit;
  }
  return out;
}

TEST(philox_equals_the_golden_vectors) {
  const auto n = golden_numbers();
  CHECK(n.size() == 20 * 10);
  for (size_t i = 0; i < n.size(); i += 10) {
    CHECK((philox({n[i], n[i + 1], n[i + 2], n[i + 3]}, {n[i + 4], n[i + 5]}) == Words{n[i + 6], n[i + 7], n[i + 8], n[i + 9]}));
  }
}

at::Tensor integers(std::vector<int64_t> values, at::IntArrayRef shape) { return at::from_blob(values.data(), shape, at::kLong).clone(); }

// philox.h against draws.h, numbers of 32 bits at their edges included.
TEST(tensor_uniforms_equal_philox) {
  const int64_t top = 0xFFFFFFFF;
  for (const Key key : {Key{0, 0}, Key{0xFFFFFFFF, 0xFFFFFFFF}, Key{7, 2}}) {
    const at::Tensor block = integers({top - 2, top - 1, top}, {3}), position = integers({0, 1, 2, 3, 4}, {5, 1});
    const at::Tensor step = integers({top}, {1, 1, 1}), tag = integers({3 << 16, (3 << 16) + 1, (3 << 16) + 2}, {3, 1, 1});
    const at::Tensor got = uniforms(key, block, position, step, tag).contiguous();
    CHECK((got.sizes() == at::IntArrayRef{3, 5, 3, 4}));
    const float* u = got.data_ptr<float>();
    for (uint32_t index = 0; index < 3; ++index) {
      for (uint32_t p = 0; p < 5; ++p) {
        for (uint32_t b = 0; b < 3; ++b) {
          for (uint32_t word : fedx::block(key, Purpose::dropout, index, 0xFFFFFFFF, p, uint32_t(top) - 2 + b)) CHECK(*u++ == uniform(word));
        }
      }
    }
  }
}

// pixels.h against augment.h, every kind of augmentation and both channel counts.
TEST(tensor_pixels_equal_the_loops) {
  constexpr uint32_t count = 6, size = 48, step = 0xFFFFFFFE;
  const std::vector<std::map<std::string, std::string>> kinds = {
      {}, {{"flip", "true"}}, {{"rotation", "10"}}, {{"brightness", "0.3"}}, {{"contrast", "0.3"}},
      {{"flip", "true"}, {"rotation", "180"}, {"brightness", "0.2"}, {"contrast", "0.2"}},
      {{"flip", "true"}, {"rotation", "10"}, {"channels", "3"}, {"mean", "[0.485,0.456,0.406]"}, {"deviation", "[0.229,0.224,0.225]"}}};
  for (auto kind : kinds) {
    kind["batch"] = std::to_string(count);
    kind["size"] = std::to_string(size);
    const Config config = parse_config(config_json(kind));
    const auto data = films(config.key, count, size);
    std::vector<const uint8_t*> images;
    for (size_t i = 0; i < count; ++i) images.push_back(&data->pixels[i * size * size]);
    std::vector<float> want(size_t(count) * config.channels * size * size);
    prepare_pixels(config, images.data(), count, true, step, want.data());
    const at::Tensor draws = draw(config, {16, 1280}, step - 1, 2, at::kFloat, at::kCPU).augment;
    const at::Tensor pixels = at::from_blob(data->pixels.data(), {count, size, size}, at::kByte);
    const at::Tensor x = network_input(config, pixels, draws.defined() ? draws.select(0, 1) : draws, at::kFloat);
    CHECK((x.sizes() == at::IntArrayRef{count, config.channels, size, size}) && x.is_contiguous(at::MemoryFormat::ChannelsLast));
    CHECK(x.stride(2) == int64_t(size * config.channels));  // channels last, also where one channel leaves it open
    const float* got = x.data_ptr<float>();
    for (size_t i = 0; i < want.size(); ++i) close_to(got[i], want[i], 2e-4, "pixel " + std::to_string(i));  // .01 of a grey level
  }
}

TEST(scaled_adam_equals_grad_scaler) {
  constexpr int64_t count = 4096, steps = 40;
  const std::map<uint32_t, float> broken = {{3, INFINITY}, {4, NAN}, {11, -INFINITY}, {30, NAN}};
  const auto want = golden<float>("grad_scaler.f32");
  CHECK(want.size() == 2 * steps + count);
  Recipe recipe = parse_config(config_json()).recipe;
  std::vector<float> theta(count), gradient(count), nothing(count), factor = {1}, norm = {3};
  for (size_t i = 0; i < count; ++i) theta[i] = 2 * stream({13, 0}, Purpose::init, 0, 0, 0, i) - 1;
  const auto tensor = [](std::vector<float>& of) { return at::from_blob(of.data(), {int64_t(of.size())}, at::kFloat); };
  const at::Tensor values = tensor(theta), zero = tensor(nothing), gradients = zero.clone(), one = tensor(factor), clip = tensor(norm);
  ScaledAdam adam({values, gradients, zero.clone(), zero.clone(), zero.clone()}, {{0, count, 1}}, recipe, true, {65536, 2, .5, 5});
  for (uint32_t t = 0; t < steps; ++t) {
    for (size_t i = 0; i < count; ++i) gradient[i] = 2 * stream({13, 0}, Purpose::measure, 0, t, 0, i) - 1;
    if (broken.count(t)) gradient[100 + t] = broken.at(t);
    gradients.copy_(tensor(gradient).mul(adam.scale()));
    const auto outcome = adam.step(one, one, clip);
    CHECK(outcome.skipped.item<float>() == want[steps + t]);
    CHECK(adam.scalars()[1] == want[t]);
  }
  CHECK(adam.scalars()[0] == steps - double(broken.size()));
  for (size_t i = 0; i < count; ++i) close_to(theta[i], want[2 * steps + i], 1e-6, "value " + std::to_string(i));
}

}  // namespace
}  // namespace fedx
