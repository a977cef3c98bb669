#include "runtime/api/device_choice.h"
#include "runtime/cadenza.h"
#include "runtime/plan/plan.h"

namespace cadenza {

struct TensorSession::State {
  std::shared_ptr<const Plan> plan;
  ChosenTensorDevice device; // works on the plan's weights
};

TensorSession::TensorSession(std::unique_ptr<State> state) : state_(std::move(state)) {}
TensorSession::TensorSession(TensorSession &&) noexcept = default;
TensorSession &TensorSession::operator=(TensorSession &&) noexcept = default;
TensorSession::~TensorSession() = default;

StatusOr<TensorSession> TensorSession::open(const std::string &planPath, const TensorSessionOptions &options) {
  CADENZA_ASSIGN_OR_RETURN(std::shared_ptr<const Plan> plan, Plan::open(planPath));
  return open(std::move(plan), options);
}

StatusOr<TensorSession> TensorSession::open(std::shared_ptr<const Plan> plan, const TensorSessionOptions &options) {
  auto state = std::make_unique<State>();
  state->plan = std::move(plan);
  CADENZA_RETURN_IF_ERROR(requireTensorEntry(state->plan->program(), state->plan->path()));
  CADENZA_ASSIGN_OR_RETURN(const Schedule schedule, parseSchedule(options.schedule));
  CADENZA_ASSIGN_OR_RETURN(state->device, chooseTensorDevice(options.device, *state->plan, options.threads, schedule));
  return TensorSession(std::move(state));
}

const std::string &TensorSession::notice() const { return state_->device.notice; }
std::string TensorSession::deviceName() const { return state_->device.executor->deviceName(); }
const Plan &TensorSession::plan() const { return *state_->plan; }

StatusOr<Tensors> TensorSession::run(const Tensors &inputs, std::string_view entry) {
  return state_->device.executor->run(entry, inputs);
}

} // namespace cadenza
