#include "model.h"

#include <ATen/ops/all.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <cstring>

#include "augment.h"
#include "fedx.h"
#include "job.h"

namespace fedx {
namespace {

constexpr uint32_t predict_batch = 64;

template <class T>
void append(std::vector<uint8_t>& out, const T* values, size_t count) {
  const size_t at = out.size();
  out.resize(at + count * sizeof(T));
  std::memcpy(out.data() + at, values, count * sizeof(T));
}

std::vector<Span> spans_of(const Parameters& p, const Recipe& r) {
  std::vector<Span> spans;
  for (const Slot* slot : p.ordered()) {
    if (slot->statistic) continue;
    const double factor = slot->group == Group::classifier ? r.lr_classifier : slot->group == Group::stem ? r.lr_stem : r.lr_backbone;
    const size_t begin = size_t(slot->offset), end = begin + size_t(slot->length);
    if (!spans.empty() && spans.back().factor == factor) spans.back().end = end;
    else spans.push_back({begin, end, factor});
  }
  return spans;
}

// The part of a flat buffer that belongs to `slot`, seen in its OIHW shape.
at::Tensor part(const at::Tensor& flat, const Slot& slot) {
  return flat.as_strided(slot.value.sizes(), slot.value.strides(), slot.offset);
}

}  // namespace

Model::Model(const Config& config, const std::atomic<int32_t>& stopping)
    : config(config), stopping(stopping), type(config.precision == "fp64" ? at::kDouble : at::kFloat) {
  net = efficientnet_b0(config.channels, type);
  spans = spans_of(net->parameters, config.recipe);
  const Parameters& p = net->parameters;
  statistics = p.values.narrow(0, p.weights, p.length - p.weights);
  kept = at::empty_like(statistics);
  for (at::Tensor* t : {&m, &v, &vmax}) *t = at::zeros({net->parameters.weights}, at::TensorOptions(type));
}

std::string Model::layout() const {
  const Parameters& p = net->parameters;
  static const char* const groups[] = {"classifier", "stem", "backbone"};
  std::string json = "{\"network\":\"" + config.network + "\",\"channels\":" + std::to_string(config.channels) + ",\"tensors\":[";
  for (const Slot* slot : p.ordered()) {
    std::string shape;
    for (int64_t n : slot->shape) shape += (shape.empty() ? "" : ",") + std::to_string(n);
    if (json.back() != '[') json += ",";
    json += "{\"name\":\"" + slot->name + "\",\"shape\":[" + shape + "],\"offset\":" + std::to_string(slot->offset) +
            ",\"length\":" + std::to_string(slot->length) + ",\"kind\":\"" + (slot->statistic ? "statistic" : "weight") +
            "\",\"group\":\"" + groups[int(slot->group)] + "\"}";
  }
  return json + "],\"length\":" + std::to_string(p.length) + ",\"weights\":" + std::to_string(p.weights) + "}";
}

void Model::check_stop() const {
  if (const int32_t code = stopping) throw Failure(code, "Cannot finish the chunk: the engine was stopped");
}

at::Tensor Model::input(const Data& data, const uint32_t* rows, uint32_t count, bool augment, uint32_t step) const {
  std::vector<const uint8_t*> images(count);
  for (uint32_t i = 0; i < count; ++i) images[i] = data.pixels.data() + size_t(rows[i]) * data.h * data.w;
  at::Tensor x = at::empty({count, config.channels, config.size, config.size}, at::TensorOptions(type), at::MemoryFormat::ChannelsLast);
  if (type == at::kFloat) prepare_pixels(config, images.data(), count, augment, step, x.data_ptr<float>());
  else prepare_pixels(config, images.data(), count, augment, step, x.data_ptr<double>());
  return x;
}

double Model::differentiate(const Data& data, const uint32_t* rows, uint32_t step) {
  const uint32_t batch = config.recipe.batch;
  const Pass pass{config, true, step};
  at::Tensor x = input(data, rows, batch, true, step);
  kept.copy_(statistics);
  for (auto& block : net->blocks) x = block->forward(x, pass);
  const at::Tensor logits = x.to(at::kDouble).contiguous();
  std::vector<uint8_t> labels(batch);
  for (uint32_t i = 0; i < batch; ++i) labels[i] = data.labels[rows[i]];
  at::Tensor gradient = at::empty({batch, 1}, at::TensorOptions(at::kDouble));
  const double value =
      loss(logits.data_ptr<double>(), labels.data(), batch, config.class_weights, config.recipe, gradient.data_ptr<double>());
  at::Tensor g = gradient.to(type);
  for (auto block = net->blocks.rbegin(); block != net->blocks.rend(); ++block) g = (*block)->backward(g);
  if (!at::isfinite(statistics).all().item<bool>()) statistics.copy_(kept);
  return value;
}

template <class T>
double Model::gradient_norm() const {
  return norm(net->parameters.gradients.data_ptr<T>(), size_t(net->parameters.weights));
}

template <class T>
void Model::update(double lr_factor, double scale) {
  Parameters& p = net->parameters;
  Adam<T>{p.values.data_ptr<T>(), m.data_ptr<T>(), v.data_ptr<T>(), vmax.data_ptr<T>(), p.gradients.data_ptr<T>()}.step(
      spans, config.recipe, lr_factor, scale, int64_t(adam_steps));
}

std::vector<uint8_t> Model::train(const Data& data, const TrainPlan& plan) {
  const size_t steps = plan.lr.size();
  std::vector<float> losses(steps), norms(steps);
  uint32_t skipped = 0;
  folded = false;
  for (size_t k = 0; k < steps; ++k) {
    check_stop();
    const double value = differentiate(data, &plan.rows[k * config.recipe.batch], plan.first_step + uint32_t(k));
    const double size = type == at::kFloat ? gradient_norm<float>() : gradient_norm<double>();
    losses[k] = float(value);
    norms[k] = float(size);
    if (!std::isfinite(value) || !std::isfinite(size)) {
      ++skipped;
      continue;
    }
    adam_steps += 1;
    const double scale = std::min(1.0, double(plan.clip[k]) / (size + 1e-6));
    type == at::kFloat ? update<float>(plan.lr[k], scale) : update<double>(plan.lr[k], scale);
  }
  std::vector<uint8_t> out;
  append(out, &skipped, 1);
  append(out, losses.data(), steps);
  append(out, norms.data(), steps);
  return out;
}

std::vector<uint8_t> Model::predict(const Data& data, const std::vector<uint32_t>& rows) {
  if (!folded) {
    for (auto& block : net->blocks) block->fold();
    folded = true;
  }
  const Pass pass{config, false, 0};
  std::vector<uint8_t> out;
  for (size_t first = 0; first < rows.size(); first += predict_batch) {
    check_stop();
    at::Tensor x = input(data, &rows[first], uint32_t(std::min<size_t>(predict_batch, rows.size() - first)), false, 0);
    for (auto& block : net->blocks) x = block->predict(x, pass);
    const at::Tensor logits = x.to(at::kFloat).contiguous();
    append(out, logits.data_ptr<float>(), size_t(logits.numel()));
  }
  return out;
}

const at::Tensor& Model::moment(uint32_t kind) const { return kind == FEDX_STATE_M ? m : kind == FEDX_STATE_V ? v : vmax; }

size_t Model::state_bytes(uint32_t kind) const {
  if (kind == FEDX_STATE_SCALARS) return sizeof(double);
  return size_t(kind == FEDX_STATE_PARAMS ? net->parameters.length : net->parameters.weights) * sizeof(float);
}

template <class T>
std::vector<uint8_t> Model::copy_out(const at::Tensor& flat) const {
  std::vector<uint8_t> out(size_t(flat.numel()) * sizeof(T));
  for (const Slot* slot : net->parameters.ordered()) {
    if (slot->offset >= flat.numel()) break;
    at::from_blob(reinterpret_cast<T*>(out.data()) + slot->offset, slot->shape, c10::CppTypeToScalarType<T>::value).copy_(part(flat, *slot));
  }
  return out;
}

std::vector<uint8_t> Model::read(uint32_t kind) const {
  if (kind != FEDX_STATE_SCALARS) return copy_out<float>(kind == FEDX_STATE_PARAMS ? net->parameters.values : moment(kind));
  std::vector<uint8_t> out;
  append(out, &adam_steps, 1);
  return out;
}

void Model::write(uint32_t kind, std::vector<uint8_t>& in) {
  if (in.empty() && kind != FEDX_STATE_PARAMS) in.resize(state_bytes(kind));
  if (in.size() != state_bytes(kind)) {
    throw Failure(FEDX_E_ARGUMENT, "Cannot write state: expected " + std::to_string(state_bytes(kind)) + " bytes, got " + std::to_string(in.size()));
  }
  if (kind == FEDX_STATE_SCALARS) {
    std::memcpy(&adam_steps, in.data(), sizeof adam_steps);
    return;
  }
  folded = false;
  const at::Tensor& flat = kind == FEDX_STATE_PARAMS ? net->parameters.values : moment(kind);
  for (const Slot* slot : net->parameters.ordered()) {
    if (slot->offset >= flat.numel()) break;
    part(flat, *slot).copy_(at::from_blob(reinterpret_cast<float*>(in.data()) + slot->offset, slot->shape, at::kFloat));
  }
}

std::vector<TensorInfo> Model::tensors() const {
  std::vector<TensorInfo> out;
  for (const Slot* s : net->parameters.ordered()) out.push_back({s->name, s->shape, size_t(s->offset), size_t(s->length)});
  return out;
}

std::vector<uint8_t> Model::read_exact() const { return copy_out<double>(net->parameters.values); }

}  // namespace fedx
