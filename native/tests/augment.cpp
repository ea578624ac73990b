// The augmentation against torchvision: tests/golden/augment.py has the definition and where ours differs on purpose.
#include "engine/augment.h"

#include "golden.h"
#include "test.h"

namespace fedx {
namespace {

TEST(augmentation_equals_torchvision) {
  constexpr uint32_t images = 8, size = 32, step = 3, probes = 256;
  const auto want = golden<float>("augment.f32");
  const float* expected = want.data();
  const std::map<std::string, std::string> mild = {{"flip", "true"}, {"rotation", "10"}, {"brightness", "0.1"}, {"contrast", "0.1"}};
  const std::map<std::string, std::string> wild = {{"flip", "true"}, {"rotation", "180"}, {"brightness", "1"}, {"contrast", "1"}, {"channels", "3"},
                                                   {"mean", "[0.485,0.456,0.406]"}, {"deviation", "[0.229,0.224,0.225]"}};
  for (const auto& changes : {mild, wild}) {
    const Config config = parse_config(config_json(changes));
    const auto data = films(config.key, images, size);
    std::vector<const uint8_t*> rows;
    for (uint32_t i = 0; i < images; ++i) rows.push_back(&data->pixels[i * size * size]);
    std::vector<double> got(size_t(images) * size * size * config.channels);
    prepare_pixels(config, rows.data(), images, true, step, got.data());
    for (uint32_t i = 0; i < images; ++i) {
      for (uint32_t c = 0; c < config.channels; ++c) {
        for (uint32_t j = 0; j < probes; ++j) {
          const size_t pixel = 37 * j % (size * size);
          const std::string what = "film " + std::to_string(i) + ", channel " + std::to_string(c) + ", pixel " + std::to_string(pixel);
          close_to(got[(i * size * size + pixel) * config.channels + c], *expected++, 1e-4, what);
        }
      }
    }
  }
  CHECK(expected == want.data() + want.size());
}

TEST(augmentation_moves_only_what_is_on) {
  Config plain = parse_config(config_json()), flip = parse_config(config_json({{"flip", "true"}}));
  const Config turned = parse_config(config_json({{"rotation", "10"}})), toned = parse_config(config_json({{"brightness", "0.1"}, {"contrast", "0.1"}}));
  const auto data = films(plain.key, 8, 32);
  std::vector<const uint8_t*> images;
  for (size_t i = 0; i < 8; ++i) images.push_back(&data->pixels[i * 1024]);
  const auto make = [&](const Config& config, bool on, uint32_t step) {
    std::vector<float> out(8 * 1024);
    prepare_pixels(config, images.data(), 8, on, step, out.data());
    return out;
  };
  const auto still = make(plain, true, 3);
  close_to(still[5], (data->pixels[5] / 255.0 - .449) / .226, 1e-5, "normalised");
  CHECK(still == make(flip, false, 3));
  CHECK(make(turned, true, 3) == make(turned, true, 3));
  CHECK(make(turned, true, 3) != make(turned, true, 4));
  CHECK(make(toned, true, 3) != still);
  const auto mirrored = make(flip, true, 3);
  size_t flipped = 0;
  for (size_t i = 0; i < 8; ++i) {
    const bool is = mirrored[i * 1024] != still[i * 1024];
    flipped += is;
    for (size_t p = 0; p < 1024; ++p) CHECK(mirrored[i * 1024 + p] == still[i * 1024 + (is ? p / 32 * 32 + 31 - p % 32 : p)]);
  }
  CHECK(flipped > 0 && flipped < 8);
}

}  // namespace
}  // namespace fedx
