// A strict reader for flat JSON: strings without escapes, numbers, booleans, arrays of numbers. Enough for the config, nothing else.
// Why by hand: PyTorch's wheel brings no JSON header, and a header of its own would be one more thing to fetch where the shim is built, also in
// closed networks that have only g++ and PyTorch (rebuild.sh); its parser would be less strict than this, so that every check of a field stayed.
#include "config.h"

#include <charconv>
#include <cmath>
#include <map>
#include <set>
#include <variant>

#include "network_names.h"

namespace fedx {
namespace {

using Value = std::variant<bool, double, std::string, std::vector<double>>;

[[noreturn]] void fail(const std::string& what) { throw ConfigError("Cannot read the engine's config: " + what); }

class Reader {
 public:
  explicit Reader(const std::string& text) : at_(text.data()), end_(text.data() + text.size()) {}

  std::map<std::string, Value> object() {
    std::map<std::string, Value> fields;
    expect('{');
    do {
      std::string name = string();
      expect(':');
      if (!fields.emplace(name, value()).second) fail("expected each field once, got \"" + name + "\" twice");
    } while (accept(','));
    expect('}');
    space();
    if (at_ != end_) fail("expected the end after }, got more text");
    return fields;
  }

 private:
  void space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
  }
  bool accept(char c) {
    space();
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(std::string("expected '") + c + "', got " + (at_ == end_ ? "the end" : std::string("'") + *at_ + "'"));
  }
  bool word(const char* text) {
    const std::string w(text);
    if (size_t(end_ - at_) < w.size() || w.compare(0, w.size(), at_, w.size()) != 0) return false;
    at_ += w.size();
    return true;
  }
  std::string string() {
    expect('"');
    const char* first = at_;
    while (at_ != end_ && *at_ != '"' && *at_ != '\\') ++at_;
    if (at_ == end_ || *at_ == '\\') fail("expected a plain string without escapes");
    return std::string(first, at_++);
  }
  double number() {
    space();
    double x = 0;
    auto [next, code] = std::from_chars(at_, end_, x);
    if (code != std::errc() || !std::isfinite(x)) fail("expected a finite number");
    at_ = next;
    return x;
  }
  Value value() {
    space();
    if (at_ != end_ && *at_ == '"') return string();
    if (word("true")) return true;
    if (word("false")) return false;
    if (!accept('[')) return number();
    std::vector<double> list;
    do list.push_back(number());
    while (accept(','));
    expect(']');
    return list;
  }

  const char* at_;
  const char* end_;
};

class Fields {
 public:
  explicit Fields(const std::string& json) : fields_(Reader(json).object()) {}

  void text(const char* name, std::string& out, const std::set<std::string>& allowed) {
    out = take<std::string>(name, "a string");
    if (allowed.count(out)) return;
    std::string list;
    for (const auto& a : allowed) list += (list.empty() ? "" : ", ") + a;
    fail(std::string(name) + ": expected one of " + list + ", got " + out);
  }
  void flag(const char* name, bool& out) { out = take<bool>(name, "true or false"); }
  void number(const char* name, double& out, double low, double high) {
    out = take<double>(name, "a number");
    range(name, out, low, high);
  }
  void whole(const char* name, uint32_t& out, double low, double high) {
    const double x = take<double>(name, "a number");
    range(name, x, low, high);
    if (x != std::floor(x)) fail(std::string(name) + ": expected a whole number, got " + std::to_string(x));
    out = uint32_t(x);
  }
  void list(const char* name, std::vector<double>& out, size_t count, double low, double high) {
    out = take<std::vector<double>>(name, "an array of numbers");
    if (out.size() != count) fail(std::string(name) + ": expected " + std::to_string(count) + " numbers, got " + std::to_string(out.size()));
    for (double x : out) range(name, x, low, high);
  }
  void done() {
    if (!fields_.empty()) fail("expected only known fields, got \"" + fields_.begin()->first + "\"");
  }

 private:
  static void range(const char* name, double x, double low, double high) {
    if (x >= low && x <= high) return;
    fail(std::string(name) + ": expected " + std::to_string(low) + " to " + std::to_string(high) + ", got " + std::to_string(x));
  }
  template <class T>
  T take(const char* name, const char* kind) {
    auto found = fields_.find(name);
    if (found == fields_.end()) fail(std::string("expected the field \"") + name + "\", got none");
    if (!std::holds_alternative<T>(found->second)) fail(std::string(name) + ": expected " + kind);
    T out = std::get<T>(std::move(found->second));
    fields_.erase(found);
    return out;
  }
  std::map<std::string, Value> fields_;
};

void read_recipe(Fields& in, Recipe& r) {
  in.whole("batch", r.batch, 2, 4096);
  in.number("lr", r.lr, 0, 100);
  in.number("beta1", r.beta1, 0, .999999);
  in.number("beta2", r.beta2, 0, .999999999);
  in.number("eps", r.eps, 1e-30, 1);
  in.number("weight_decay", r.weight_decay, 0, 10);
  in.flag("amsgrad", r.amsgrad);
  in.number("lr_classifier", r.lr_classifier, 0, 1e4);
  in.number("lr_stem", r.lr_stem, 0, 1e4);
  in.number("lr_backbone", r.lr_backbone, 0, 1e4);
  in.number("gamma", r.gamma, 0, 10);
  in.number("alpha", r.alpha, 1e-6, 1e6);
  in.number("dropout", r.dropout, 0, .99);
  in.number("stochastic_depth", r.stochastic_depth, 0, .99);
  in.flag("flip", r.flip);
  in.number("rotation", r.rotation, 0, 180);
  in.number("brightness", r.brightness, 0, 1);
  in.number("contrast", r.contrast, 0, 1);
}

}  // namespace

Config parse_config(const std::string& json) {
  Fields in(json);
  Config c;
  in.text("network", c.network, network_names());
  in.text("device", c.device, {"auto", "cpu", "cuda"});
  in.text("precision", c.precision, {"auto", "fp32", "fp16", "bf16", "fp64"});
  in.whole("size", c.size, 32, 1024);
  in.whole("channels", c.channels, 1, 3);
  if (c.channels == 2) fail("channels: expected 1 or 3, got 2");
  in.whole("threads", c.threads, 1, 256);
  in.whole("seed", c.key.seed, 0, 4294967295.0);
  in.whole("silo", c.key.silo, 0, 4294967295.0);
  in.list("class_weights", c.class_weights, 2, 0, 1e6);
  in.list("mean", c.mean, c.channels, 0, 1);
  in.list("deviation", c.deviation, c.channels, 1e-6, 1e3);
  in.flag("graph", c.graph);
  in.flag("deterministic", c.deterministic);
  in.flag("portable", c.portable);
  read_recipe(in, c.recipe);
  in.done();
  return c;
}

}  // namespace fedx
