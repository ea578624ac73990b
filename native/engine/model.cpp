#include "model.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>

#include <cstring>

#include "device_steps.h"
#include "failure.h"
#include "fedx.h"
#include "host_steps.h"

namespace fedx {
namespace {

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

// The type that convolutions run in; `type` where that is no lower one. Throws Failure where the device cannot.
at::ScalarType lower_type(const std::string& precision, bool cpu, at::ScalarType type) {
  const auto refuse = [](const char* what) { throw Failure(FEDX_E_CONFIG, std::string("Cannot read the engine's config: precision: ") + what); };
  if (precision == "fp16" && cpu) refuse("expected auto, fp32 or bf16 on the CPU, got fp16");
  if (precision == "fp64" && !cpu) refuse("expected auto, fp32, fp16 or bf16 on a GPU, got fp64");
  if (precision == "fp16" || (precision == "auto" && !cpu)) return at::kHalf;
  return precision == "bf16" ? at::kBFloat16 : type;
}

}  // namespace

void Workspace::check_stop() const {
  if (const int32_t code = stopping) throw Failure(code, "Cannot finish the chunk: the engine was stopped");
}

Model::Model(const Config& config, const std::atomic<int32_t>& stopping)
    : device_(open_device(config.device, config.deterministic)),
      work{config, stopping, config.precision == "fp64" ? at::kDouble : at::kFloat, {}, {}, {}, {}, {}, {}} {
  const at::Device where = device_->where();
  const bool cpu = where.is_cpu();
  const at::ScalarType lower = lower_type(config.precision, cpu, work.type);
  work.net = build_network(config.network, config.channels, work.type, where);
  work.spans = spans_of(work.net->parameters, config.recipe);
  const Parameters& p = work.net->parameters;
  work.statistics = p.values.narrow(0, p.weights, p.length - p.weights);
  for (at::Tensor* t : {&work.m, &work.v, &work.vmax}) {
    *t = at::zeros({p.weights}, at::TensorOptions(work.type).device(where));
  }
  if (cpu && lower == work.type && !config.portable) steps = std::make_unique<HostSteps>(work);
  else steps = std::make_unique<DeviceSteps>(work, *device_, lower);
}

std::string Model::layout() const {
  const Parameters& p = work.net->parameters;
  static const char* const groups[] = {"classifier", "stem", "backbone"};
  std::string json = "{\"network\":\"" + work.config.network + "\",\"channels\":" + std::to_string(work.config.channels) + ",\"tensors\":[";
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

std::vector<uint8_t> Model::train(const std::shared_ptr<const Data>& data, const TrainPlan& plan) {
  folded = false;
  return steps->train(data, plan);
}

std::vector<uint8_t> Model::predict(const std::shared_ptr<const Data>& data, const std::vector<uint32_t>& rows) {
  if (!folded) {
    for (auto& block : work.net->blocks) block->fold();
    folded = true;
  }
  return steps->predict(data, rows);
}

const at::Tensor& Model::moment(uint32_t kind) const { return kind == FEDX_STATE_M ? work.m : kind == FEDX_STATE_V ? work.v : work.vmax; }

size_t Model::state_bytes(uint32_t kind) const {
  if (kind == FEDX_STATE_SCALARS) return scalar_count * sizeof(double);
  return size_t(kind == FEDX_STATE_PARAMS ? work.net->parameters.length : work.net->parameters.weights) * sizeof(float);
}

template <class T>
std::vector<uint8_t> Model::copy_out(const at::Tensor& flat) const {
  const at::Tensor host = flat.to(at::kCPU);  // itself on the CPU
  std::vector<uint8_t> out(size_t(flat.numel()) * sizeof(T));
  for (const Slot* slot : work.net->parameters.ordered()) {
    if (slot->offset >= flat.numel()) break;
    at::from_blob(reinterpret_cast<T*>(out.data()) + slot->offset, slot->shape, c10::CppTypeToScalarType<T>::value).copy_(part(host, *slot));
  }
  return out;
}

void Model::copy_in(const at::Tensor& flat, float* in) {
  const at::Tensor host = flat.is_cpu() ? flat : at::empty(flat.sizes(), flat.options().device(at::kCPU));
  for (const Slot* slot : work.net->parameters.ordered()) {
    if (slot->offset >= flat.numel()) break;
    part(host, *slot).copy_(at::from_blob(in + slot->offset, slot->shape, at::kFloat));
  }
  if (!flat.is_cpu()) flat.copy_(host);
}

std::vector<uint8_t> Model::read(uint32_t kind) const {
  if (kind != FEDX_STATE_SCALARS) return copy_out<float>(kind == FEDX_STATE_PARAMS ? work.net->parameters.values : moment(kind));
  const auto values = steps->scalars();
  std::vector<uint8_t> out;
  append(out, values.data(), values.size());
  return out;
}

void Model::write(uint32_t kind, std::vector<uint8_t>& in) {
  const bool reset = in.empty() && kind != FEDX_STATE_PARAMS;
  if (!reset && in.size() != state_bytes(kind)) {
    throw Failure(FEDX_E_ARGUMENT, "Cannot write state: expected " + std::to_string(state_bytes(kind)) + " bytes, got " + std::to_string(in.size()));
  }
  if (kind == FEDX_STATE_SCALARS) {
    std::vector<double> values(reset ? 0 : scalar_count);
    if (!reset) {
      std::memcpy(values.data(), in.data(), in.size());
      if (!(values[0] >= 0 && values[1] > 0 && values[2] >= 0)) {
        throw Failure(FEDX_E_ARGUMENT, "Cannot write state: expected a step count of at least 0, a loss scale above 0 and a count of at least 0");
      }
    }
    return steps->set_scalars(values);
  }
  if (kind == FEDX_STATE_PARAMS) folded = false;
  if (reset) moment(kind).zero_();
  else copy_in(kind == FEDX_STATE_PARAMS ? work.net->parameters.values : moment(kind), reinterpret_cast<float*>(in.data()));
}

std::vector<TensorInfo> Model::tensors() const {
  std::vector<TensorInfo> out;
  for (const Slot* s : work.net->parameters.ordered()) out.push_back({s->name, s->shape, size_t(s->offset), size_t(s->length)});
  return out;
}

std::vector<uint8_t> Model::read_exact() const { return copy_out<double>(work.net->parameters.values); }

}  // namespace fedx
