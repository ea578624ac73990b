#include "job.h"

#include <c10/util/Exception.h>

#include <new>

#include "fedx.h"

namespace fedx {

void Job::finish(std::vector<uint8_t> result, int32_t code, const std::string& text) {
  std::lock_guard lock(mutex_);
  if (done_) return;
  work_ = nullptr;  // lets go of the data set
  result_ = std::move(result);
  code_ = code;
  text_ = text;
  done_ = true;
  changed_.notify_all();
}

void Job::run() {
  try {
    finish(work_(), FEDX_OK, "");
  } catch (const Failure& e) {
    finish({}, e.code, e.what());
  } catch (const std::bad_alloc&) {
    finish({}, FEDX_E_MEMORY, "Cannot run the chunk: out of memory; lower the batch or the image size");
  } catch (const c10::OutOfMemoryError&) {
    finish({}, FEDX_E_MEMORY, "Cannot run the chunk: out of memory on the GPU; lower the batch or the image size, or end what else runs there");
  } catch (const std::exception& e) {
    const std::string text = e.what();
    finish({}, FEDX_E_INTERNAL, text.substr(0, text.find("\nException raised from")));
  } catch (...) {
    finish({}, FEDX_E_INTERNAL, "unknown failure");
  }
}

void Job::drop(int32_t code, const std::string& text) { finish({}, code, text); }

std::vector<uint8_t> Job::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return done_; });
  if (code_ != FEDX_OK) throw Failure(code_, text_);
  return std::move(result_);
}

}  // namespace fedx
