#include "device_steps.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/all.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/log1p.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "autocast.h"
#include "pixels.h"

namespace fedx {
namespace {

constexpr int warm_up = 3;  // steps before a capture: cuDNN and cuBLAS set themselves up, and kernels are chosen, on first use

struct Loss {
  at::Tensor value;     // (1)
  at::Tensor gradient;  // (N): dL/dz
};

// recipe.h's loss of logits z (N) and labels y (N), 0 or 1.
Loss loss_of(const at::Tensor& z, const at::Tensor& y, const Config& config) {
  const Recipe& r = config.recipe;
  const double negative = config.class_weights[0], positive = config.class_weights[1];
  const at::Tensor sign = y * 2 - 1, u = sign * z;  // u: the margin, p_t = sigmoid(u)
  const at::Tensor bce = (-u).clamp_min_(0) + at::log1p((-u.abs()).exp_());
  const at::Tensor miss = at::sigmoid(-u), hit = at::sigmoid(u);
  const at::Tensor weight = (y * (positive - negative) + negative) * (r.alpha / double(z.size(0))) * at::pow(miss, r.gamma);
  return {(weight * bce).sum().view({1}), -sign * weight * (r.gamma * hit * bce + miss)};
}

// A host vector as i64, or as `type`.
at::Tensor host(const uint32_t* values, int64_t count) {
  at::Tensor out = at::empty({count}, at::TensorOptions(at::kLong));
  std::copy(values, values + count, out.data_ptr<int64_t>());
  return out;
}
at::Tensor host(const float* values, int64_t count, at::ScalarType type) {
  return at::from_blob(const_cast<float*>(values), {count}, at::kFloat).to(type);
}

// Images that predict takes at once: 256 of 128 px, fewer of larger ones.
int64_t predict_batch(int64_t size) { return std::clamp<int64_t>((int64_t{1} << 24) / (size * size), 16, 256); }

void refill(const at::Tensor& to, const at::Tensor& from) {
  if (from.defined()) to.narrow(0, 0, from.size(0)).copy_(from);
}

}  // namespace

DeviceSteps::DeviceSteps(Workspace& work, Device& device, at::ScalarType lower)
    : work_(work), device_(device), lower_(lower), room_(std::clamp<int64_t>(4096 / work.config.recipe.batch, 1, work.config.loaded)),
      adam_({work.net->parameters.values.narrow(0, 0, work.net->parameters.weights), work.net->parameters.gradients, work.m, work.v, work.vmax},
            work.spans, work.config.recipe, lower != work.type) {
  const auto options = at::TensorOptions(work.type).device(device_.where());
  plan_ = {at::zeros({room_, work.config.recipe.batch}, options.dtype(at::kLong)), at::zeros({room_}, options), at::zeros({room_}, options)};
  draws_ = draw(work.config, work.net->randoms, 0, room_, lower, device_.where());
  at_ = at::zeros({1}, options.dtype(at::kLong));
  columns_ = at::arange(room_, at_.options()).view({1, room_});
  done_ = at::zeros({2, room_}, options.dtype(at::kFloat));
  skipped_ = at::zeros({1}, options.dtype(at::kFloat));
}

void DeviceSteps::set_scalars(const std::vector<double>& values) {
  if (values.empty()) adam_.reset();
  else adam_.set_scalars(values[0], values[1], values[2]);
}

void DeviceSteps::hold(const std::shared_ptr<const Data>& data) {
  const uint64_t version = *data->version;
  if (held_.lock() == data && version_ == version) return;
  replay_ = nullptr;
  eager_ = 0;
  images_ = labels_ = at::Tensor();  // first: two sets may not fit
  const auto put = [&](const std::vector<uint8_t>& bytes, at::IntArrayRef shape, at::ScalarType type) {
    at::Tensor to = at::empty(shape, at::TensorOptions(type).device(device_.where()));
    return to.copy_(at::from_blob(const_cast<uint8_t*>(bytes.data()), shape, at::kByte));
  };
  images_ = put(data->pixels, {data->n, int64_t(data->h) * data->w}, at::kByte);
  labels_ = put(data->labels, {data->n}, work_.type);
  held_ = data;
  version_ = version;
}

void DeviceSteps::load(const TrainPlan& plan, size_t first, int64_t count) {
  const int64_t batch = work_.config.recipe.batch;
  const auto up = [&](const at::Tensor& from, const at::Tensor& to) { device_.upload(from, to.narrow(0, 0, count)); };
  up(host(&plan.rows[first * size_t(batch)], count * batch).view({count, batch}), plan_.rows);
  up(host(&plan.lr[first], count, work_.type), plan_.lr);
  up(host(&plan.clip[first], count, work_.type), plan_.clip);
  const Draws drawn = draw(work_.config, work_.net->randoms, plan.first_step + uint32_t(first), count, lower_, device_.where());
  refill(draws_.depth, drawn.depth);
  refill(draws_.dropout, drawn.dropout);
  refill(draws_.augment, drawn.augment);
  at_.zero_();
}

at::Tensor DeviceSteps::current(const at::Tensor& of_steps) const {
  return of_steps.defined() ? of_steps.index_select(0, at_).squeeze(0) : at::Tensor();
}

void DeviceSteps::step() {
  const Config& config = work_.config;
  auto& blocks = work_.net->blocks;
  const at::Tensor& statistics = work_.statistics;
  const at::Tensor before = statistics.clone();
  const at::Tensor rows = current(plan_.rows);
  const at::Tensor images = images_.index_select(0, rows).view({-1, config.size, config.size});
  const Masks masks{current(draws_.depth), current(draws_.dropout)};
  const Pass pass{config, true, 0, &masks, fixed_};
  at::Tensor x = network_input(config, images, current(draws_.augment), work_.type);
  {
    Autocast on(device_.where().type(), lower_);
    for (auto& block : blocks) x = block->forward(x, pass);
  }
  const Loss loss = loss_of(x.to(work_.type).view({-1}), labels_.index_select(0, rows), config);
  at::Tensor g = (loss.gradient * adam_.scale()).to(x.scalar_type()).view({-1, 1});
  for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) g = (*block)->backward(g);
  const ScaledAdam::Outcome outcome = adam_.step(loss.value, plan_.lr.index_select(0, at_), plan_.clip.index_select(0, at_));
  statistics.copy_(at::where(at::isfinite(statistics).all(), statistics, before));  // as host_steps.h says
  // Not index_copy_: deterministic, a GPU sorts for it.
  done_.copy_(at::where(columns_ == at_, at::cat({loss.value, outcome.norm}).to(at::kFloat).view({2, 1}), done_));
  skipped_.add_(outcome.skipped);
  at_.add_(1);
}

void DeviceSteps::run_step() {
  if (replay_) return replay_();
  const auto once = [this] { step(); };
  if (eager_ == warm_up) return step();
  device_.tune(once);
  if (++eager_ == warm_up && work_.config.graph) replay_ = device_.capture(once);
}

std::vector<uint8_t> DeviceSteps::train(const std::shared_ptr<const Data>& data, const TrainPlan& plan) {
  hold(data);
  if (plan.fixed != fixed_) {
    fixed_ = plan.fixed;
    replay_ = nullptr;  // the other kind of step was captured
    eager_ = 0;
  }
  const auto steps = int64_t(plan.lr.size());
  std::vector<at::Tensor> parts;
  skipped_.zero_();
  for (int64_t first = 0; first < steps; first += room_) {
    const int64_t count = std::min(room_, steps - first);
    load(plan, size_t(first), count);
    for (int64_t k = 0; k < count; ++k) {
      work_.check_stop();
      run_step();
    }
    parts.push_back(done_.narrow(1, 0, count).clone());
  }
  device_.synchronise();  // the chunk's one wait
  const at::Tensor results = at::cat({skipped_, at::cat(parts, 1).flatten()}).to(at::kCPU).contiguous();
  const float* values = results.data_ptr<float>();
  const auto skipped = uint32_t(values[0]);
  std::vector<uint8_t> out;
  append(out, &skipped, 1);
  append(out, values + 1, size_t(2 * steps));
  return out;
}

std::vector<uint8_t> DeviceSteps::predict(const std::shared_ptr<const Data>& data, const std::vector<uint32_t>& rows) {
  const Config& config = work_.config;
  const auto count = int64_t(rows.size()), batch = predict_batch(config.size);
  if (count == 0) return {};
  hold(data);
  const at::Tensor all = at::empty({count}, at_.options());
  device_.upload(host(rows.data(), count), all);
  const Pass pass{config, false, 0};
  std::vector<at::Tensor> parts;
  for (int64_t first = 0; first < count; first += batch) {
    work_.check_stop();
    const at::Tensor images = images_.index_select(0, all.narrow(0, first, std::min(batch, count - first)));
    at::Tensor x = network_input(config, images.view({-1, config.size, config.size}), {}, work_.type);
    Autocast on(device_.where().type(), lower_);
    for (auto& block : work_.net->blocks) x = block->predict(x, pass);
    parts.push_back(x.to(at::kFloat).view({-1}));
  }
  const at::Tensor logits = at::cat(parts).to(at::kCPU).contiguous();
  std::vector<uint8_t> out;
  append(out, logits.data_ptr<float>(), size_t(count));
  return out;
}

}  // namespace fedx
