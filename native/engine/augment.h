// u8 pixels → the network's input: flip, rotation, brightness and contrast (each switchable), then normalisation.
#pragma once
#include <cstdint>

#include "config.h"

namespace fedx {

// Writes `count` images, channels last, as (u8/255 − mean) / deviation; images[i] points at size² grey bytes.
// With `augment`, position i of step `step` takes its random numbers from Philox: flip, rotation, brightness, contrast, in that order.
template <class T>
void prepare_pixels(const Config& config, const uint8_t* const* images, uint32_t count, bool augment, uint32_t step, T* out);

}  // namespace fedx
