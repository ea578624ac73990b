// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): random numbers as a function of
// (key, counter), so that they depend on neither threads nor batch splits. src/model/philox.ts is the same in TypeScript.
#pragma once
#include <array>
#include <cstdint>

namespace fedx {

// What a stream of numbers is for; the same table as PURPOSE in src/model/philox.ts.
enum class Purpose : uint32_t { init = 1, shuffle, dropout, depth, augment, bootstrap, phantom, measure };

struct Key {
  uint32_t seed = 0;
  uint32_t silo = 0;
};

using Words = std::array<uint32_t, 4>;

inline Words philox(Words counter, Key key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53} * counter[0];
    const uint64_t b = uint64_t{0xCD9E8D57} * counter[2];
    counter = {uint32_t(b >> 32) ^ counter[1] ^ key.seed, uint32_t(b), uint32_t(a >> 32) ^ counter[3] ^ key.silo, uint32_t(a)};
    key.seed += 0x9E3779B9;
    key.silo += 0xBB67AE85;
  }
  return counter;
}

// Block `block` (four words) of one stream: `index` is a tensor or layer, `step` counts from the run's start, `position` within the batch.
inline Words block(Key key, Purpose purpose, uint32_t index, uint32_t step, uint32_t position, uint32_t block) {
  return philox({block, position, step, uint32_t(purpose) << 16 | index}, key);
}

// A word as a number in [0, 1), a multiple of 2^-24: exact in float.
inline float uniform(uint32_t word) { return float(word >> 8) * 0x1p-24f; }

}  // namespace fedx
