// Runs the native tests. Built plain and under ASan and UBSan (tools/native.ts); tests/native_program.ts reads what it prints.
//   fedx-test --list [--long]               prints the names, one a line, in the order in which they are run
//   fedx-test GOLDEN_DIR [--long] [TEST…]   runs all, or those that are named; one line each: `ok NAME` or `failed NAME: WHY`
// Exits 1 if any failed, and 2 where it is asked for a test that is not there.
#include <algorithm>
#include <set>
#include <utility>

#include "test.h"

using namespace fedx;

namespace {

std::vector<Test> listed(bool with_long) {
  std::vector<Test> out;
  for (const Test& test : tests()) {
    if (with_long || test.turn != Turn::on_request) out.push_back(test);
  }
  std::sort(out.begin(), out.end(), [](const Test& a, const Test& b) {
    return std::make_pair(a.turn == Turn::last, std::string(a.name)) < std::make_pair(b.turn == Turn::last, std::string(b.name));
  });
  return out;
}

bool passes(const Test& test) {
  try {
    test.body();
    std::printf("ok %s\n", test.name);
    return true;
  } catch (const std::exception& e) {
    const std::string what = e.what();
    std::printf("failed %s: %s\n", test.name, what.substr(0, what.find('\n')).c_str());
    return false;
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // each line is read as soon as its test has ended, and none is lost in a crash
  std::set<std::string> words(argv + 1, argv + argc);
  const std::vector<Test> all = listed(words.erase("--long") > 0);
  if (words.count("--list")) {
    for (const Test& test : all) std::puts(test.name);
    return 0;
  }
  if (argc < 2) return std::fprintf(stderr, "usage: fedx-test --list | GOLDEN_DIR [--long] [TEST...]\n"), 2;
  golden_dir = argv[1];
  words.erase(golden_dir);
  const bool chosen = !words.empty();
  int failed = 0;
  for (const Test& test : all) {
    if (!chosen || words.erase(test.name) > 0) failed += !passes(test);
  }
  if (!words.empty()) return std::fprintf(stderr, "expected a test that --list names, got %s\n", words.begin()->c_str()), 2;
  return failed ? 1 : 0;
}
