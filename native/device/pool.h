// Where tensors get their memory: a pool that keeps what it has, in huge pages.
// Why: glibc returns big blocks to the kernel, so every activation would fault its pages in anew on every step; and its own settings do not
// help a thread that was given another arena.
#pragma once

namespace fedx {

// Makes the pool libtorch's CPU allocator; before the first engine's first tensor. Any number of times.
void install_pool();

}  // namespace fedx
