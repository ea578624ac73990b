// How native tests are written: each is a TEST in a file named for what it tries, which puts it on the list that main.cpp runs.
#pragma once
#include <cmath>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

namespace fedx {

#undef CHECK  // torch's ends the process
#define CHECK(condition)                                                                              \
  do {                                                                                                \
    if (!(condition)) throw std::runtime_error(std::string("expected ") + #condition + ", line " + std::to_string(__LINE__)); \
  } while (0)

inline void close_to(double got, double want, double tolerance, const std::string& what) {
  if (std::abs(got - want) <= tolerance) return;
  char text[256];
  std::snprintf(text, sizeof text, "%s: expected %.12g, got %.12g, tolerance %.3g", what.c_str(), want, got, tolerance);
  throw std::runtime_error(text);
}

// Where the golden files lie.
inline std::string golden_dir;

// Long ones run only when asked for. The last one shuts the library down: nothing works after it.
enum class Turn { usual, on_request, last };

struct Test {
  const char* name;
  void (*body)();
  Turn turn;
};

// All tests of the program.
inline std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

struct Registration {
  Registration(const char* name, void (*body)(), Turn turn) { tests().push_back({name, body, turn}); }
};

#define TEST_AT(turn, name)                                    \
  void name();                                                 \
  const Registration registration_of_##name(#name, name, turn); \
  void name()
#define TEST(name) TEST_AT(Turn::usual, name)
#define LONG_TEST(name) TEST_AT(Turn::on_request, name)
#define LAST_TEST(name) TEST_AT(Turn::last, name)

}  // namespace fedx
