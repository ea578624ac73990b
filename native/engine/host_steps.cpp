#include "host_steps.h"

#include <ATen/ops/all.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/isfinite.h>

#include <cmath>

#include "augment.h"

namespace fedx {
namespace {

constexpr uint32_t predict_batch = 64;

}  // namespace

HostSteps::HostSteps(Workspace& work) : work_(work), kept_(at::empty_like(work.statistics)) {}

at::Tensor HostSteps::input(const Data& data, const uint32_t* rows, uint32_t count, bool augment, uint32_t step) const {
  const Config& config = work_.config;
  std::vector<const uint8_t*> images(count);
  for (uint32_t i = 0; i < count; ++i) images[i] = data.pixels.data() + size_t(rows[i]) * data.h * data.w;
  at::Tensor x = at::empty({count, config.channels, config.size, config.size}, at::TensorOptions(work_.type), at::MemoryFormat::ChannelsLast);
  if (work_.type == at::kFloat) prepare_pixels(config, images.data(), count, augment, step, x.data_ptr<float>());
  else prepare_pixels(config, images.data(), count, augment, step, x.data_ptr<double>());
  return x;
}

double HostSteps::differentiate(const Data& data, const uint32_t* rows, uint32_t step, bool fixed) {
  const Config& config = work_.config;
  const uint32_t batch = config.recipe.batch;
  const Pass pass{config, true, step, nullptr, fixed};
  auto& blocks = work_.net->blocks;
  at::Tensor x = input(data, rows, batch, true, step);
  kept_.copy_(work_.statistics);
  for (auto& block : blocks) x = block->forward(x, pass);
  const at::Tensor logits = x.to(at::kDouble).contiguous();
  std::vector<uint8_t> labels(batch);
  for (uint32_t i = 0; i < batch; ++i) labels[i] = data.labels[rows[i]];
  at::Tensor gradient = at::empty({batch, 1}, at::TensorOptions(at::kDouble));
  const double value =
      loss(logits.data_ptr<double>(), labels.data(), batch, config.class_weights, config.recipe, gradient.data_ptr<double>());
  at::Tensor g = gradient.to(work_.type);
  for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) g = (*block)->backward(g);
  if (!at::isfinite(work_.statistics).all().item<bool>()) work_.statistics.copy_(kept_);
  return value;
}

template <class T>
double HostSteps::gradient_norm() const {
  const Parameters& p = work_.net->parameters;
  return norm(p.gradients.data_ptr<T>(), size_t(p.weights));
}

template <class T>
void HostSteps::update(double lr_factor, double scale) {
  Parameters& p = work_.net->parameters;
  Adam<T>{p.values.data_ptr<T>(), work_.m.data_ptr<T>(), work_.v.data_ptr<T>(), work_.vmax.data_ptr<T>(), p.gradients.data_ptr<T>()}.step(
      work_.spans, work_.config.recipe, lr_factor, scale, int64_t(adam_steps_));
}

std::vector<uint8_t> HostSteps::train(const std::shared_ptr<const Data>& data, const TrainPlan& plan) {
  const size_t steps = plan.lr.size();
  const bool single = work_.type == at::kFloat;
  std::vector<float> losses(steps), norms(steps);
  uint32_t skipped = 0;
  for (size_t k = 0; k < steps; ++k) {
    work_.check_stop();
    const double value = differentiate(*data, &plan.rows[k * work_.config.recipe.batch], plan.first_step + uint32_t(k), plan.fixed);
    const double size = single ? gradient_norm<float>() : gradient_norm<double>();
    losses[k] = float(value);
    norms[k] = float(size);
    if (!std::isfinite(value) || !std::isfinite(size)) {
      ++skipped;
      continue;
    }
    adam_steps_ += 1;
    const double scale = std::min(1.0, double(plan.clip[k]) / (size + 1e-6));
    single ? update<float>(plan.lr[k], scale) : update<double>(plan.lr[k], scale);
  }
  std::vector<uint8_t> out;
  append(out, &skipped, 1);
  append(out, losses.data(), steps);
  append(out, norms.data(), steps);
  return out;
}

std::vector<uint8_t> HostSteps::predict(const std::shared_ptr<const Data>& data, const std::vector<uint32_t>& rows) {
  const Pass pass{work_.config, false, 0};
  std::vector<uint8_t> out;
  for (size_t first = 0; first < rows.size(); first += predict_batch) {
    work_.check_stop();
    at::Tensor x = input(*data, &rows[first], uint32_t(std::min<size_t>(predict_batch, rows.size() - first)), false, 0);
    for (auto& block : work_.net->blocks) x = block->predict(x, pass);
    const at::Tensor logits = x.to(at::kFloat).contiguous();
    append(out, logits.data_ptr<float>(), size_t(logits.numel()));
  }
  return out;
}

}  // namespace fedx
