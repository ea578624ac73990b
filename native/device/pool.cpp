#include "pool.h"

#include <c10/core/CPUAllocator.h>
#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

namespace fedx {
namespace {

constexpr size_t align = 64;                     // bytes: a cache line, and what AVX-512 wants
constexpr size_t small = 64 << 10;               // below, glibc does well
constexpr size_t region_size = size_t{64} << 20;  // mapped at once
constexpr int bins = 4 * 40;

// Blocks come in sizes 4, 5, 6, 7 times a power of two. A header of one cache line before the data holds the bin.
struct alignas(align) Header {
  int bin;  // -1: from glibc
};

int bin_of(size_t bytes) {
  const int shift = std::bit_width(bytes - 1) - 3;  // bytes in (4 · 2^shift, 8 · 2^shift]
  return 4 * shift + int((bytes - 1) >> shift) - 3;
}
size_t bin_bytes(int bin) { return size_t(4 + bin % 4) << (bin / 4); }

class Pool final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    if (bytes == 0) return {nullptr, nullptr, &give_back, at::Device(at::kCPU)};
    void* data = bytes < small ? from_glibc(bytes) : from_bins(bytes);
    return {data, data, &give_back, at::Device(at::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &give_back; }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }

  static Pool& instance() {
    static Pool* const pool = new Pool();  // never destroyed: tensors of other threads may outlive main
    return *pool;
  }

 private:
  static void* from_glibc(size_t bytes) {
    void* block = nullptr;
    if (posix_memalign(&block, align, sizeof(Header) + bytes) != 0) throw std::bad_alloc();
    static_cast<Header*>(block)->bin = -1;
    return static_cast<char*>(block) + sizeof(Header);
  }

  // A free block of this size or up to half as big again, else a new one.
  void* from_bins(size_t bytes) {
    const int wanted = bin_of(bytes + sizeof(Header));
    std::lock_guard lock(mutex_);
    for (int bin = wanted; bin < std::min(wanted + 3, bins); ++bin) {
      if (free_[bin].empty()) continue;
      void* data = free_[bin].back();
      free_[bin].pop_back();
      return data;
    }
    const size_t size = (bin_bytes(wanted) + align - 1) & ~(align - 1);
    if (size_t(end_ - next_) < size) map(std::max(size, region_size));
    auto* header = reinterpret_cast<Header*>(next_);
    next_ += size;
    header->bin = wanted;
    return reinterpret_cast<char*>(header) + sizeof(Header);
  }

  // What is left of the last region stays unused: untouched pages cost nothing.
  void map(size_t bytes) {
    constexpr size_t page = 2 << 20;
    bytes = ((bytes + page - 1) & ~(page - 1)) + page;
    void* region = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (region == MAP_FAILED) throw std::bad_alloc();
    madvise(region, bytes, MADV_HUGEPAGE);  // advice: a kernel without huge pages ignores it
    next_ = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(region) + page - 1) & ~(page - 1));
    end_ = static_cast<char*>(region) + bytes;
  }

  static void give_back(void* data) {
    if (data == nullptr) return;
    auto* header = reinterpret_cast<Header*>(static_cast<char*>(data) - sizeof(Header));
    if (header->bin < 0) return std::free(header);
    Pool& pool = instance();
    std::lock_guard lock(pool.mutex_);
    pool.free_[header->bin].push_back(data);
  }

  std::mutex mutex_;
  std::vector<void*> free_[bins];
  char* next_ = nullptr;
  char* end_ = nullptr;
};

}  // namespace

void install_pool() {
  static std::once_flag once;
  std::call_once(once, [] {
    mallopt(M_MMAP_THRESHOLD, 32 << 20);  // oneDNN's scratch is glibc's; 32 MiB is the most that it takes
    mallopt(M_TRIM_THRESHOLD, -1);
#ifndef __SANITIZE_ADDRESS__
    c10::SetCPUAllocator(&Pool::instance(), 1);
#endif
  });
}

}  // namespace fedx
