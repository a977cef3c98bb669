// Entries of named tensors on the CPU: the same phases as a decoder's step, in a machine without positions.
#include "runtime/cpu/cpu_executor.h"
#include "runtime/cpu/entry.h"
#include "runtime/cpu/machine.h"
#include "runtime/plan/plan.h"

#include <new>

namespace cadenza {
namespace cpu {
namespace {

class TensorExecutorImpl final : public TensorExecutor {
public:
  TensorExecutorImpl(Program program, std::span<const std::byte> weights, int threads)
      : machine_(std::move(program), weights, /*positions=*/0, /*keepLogits=*/false, threads) {}

  Status bind() {
    for (size_t i = 0; i < machine_.program.entries.size(); ++i) {
      entries_.emplace_back();
      if (tileOf(machine_.program.entries[i]) > 0)
        continue; // for Executor
      CADENZA_ASSIGN_OR_RETURN(entries_.back(), BoundEntry::bind(machine_, machine_.program.entries[i]));
    }
    return Status::ok();
  }

  const Program &program() const override { return machine_.program; }
  MemoryUse memory() const override { return machine_.memoryUse(); }
  std::string deviceName() const override { return "cpu"; }

protected:
  Status runEntry(uint32_t index, std::span<const std::span<const std::byte>> inputs,
                  std::span<const std::span<std::byte>> outputs) override {
    const Entry &entry = machine_.program.entries[index];
    const auto edgeOf = [&](const Port &port) -> const Edge & { return machine_.program.edges[*port.edge]; };
    for (size_t i = 0; i < inputs.size(); ++i)
      copyToEdge(edgeOf(entry.inputs[i]), inputs[i], machine_.arena.data() + edgeOf(entry.inputs[i]).offset);
    CADENZA_RETURN_IF_ERROR(entries_[index].run(machine_, {.endBlock = entries_[index].blocks()}));
    for (size_t i = 0; i < outputs.size(); ++i)
      copyFromEdge(edgeOf(entry.outputs[i]), machine_.arena.data() + edgeOf(entry.outputs[i]).offset, outputs[i]);
    return Status::ok();
  }

private:
  Machine machine_;
  std::vector<BoundEntry> entries_; // one an entry of the program; those of a decoder are left empty
};

StatusOr<std::unique_ptr<TensorExecutor>> makeTensors(Program program, std::span<const std::byte> weights,
                                                      const std::string &where, int threads) {
  CADENZA_RETURN_IF_ERROR(requireTensorEntry(program, where));
  try {
    auto executor = std::make_unique<TensorExecutorImpl>(std::move(program), weights, threads);
    CADENZA_RETURN_IF_ERROR(executor->bind());
    return StatusOr<std::unique_ptr<TensorExecutor>>(std::move(executor));
  } catch (const std::bad_alloc &) {
    return Status(StatusCode::OutOfMemory, "not enough memory for the activations");
  }
}

} // namespace
} // namespace cpu

StatusOr<std::unique_ptr<TensorExecutor>> makeCpuTensorExecutor(Program program, std::span<const std::byte> weights,
                                                                int threads) {
  CADENZA_ASSIGN_OR_RETURN(program, withoutLaunches(std::move(program), weights));
  const std::string where = program.model.name;
  return cpu::makeTensors(std::move(program), weights, where, threads);
}

StatusOr<std::unique_ptr<TensorExecutor>> makeCpuTensorExecutor(const Plan &plan, int threads) {
  CADENZA_RETURN_IF_ERROR(plan.verifyWeights(threads));
  return cpu::makeTensors(plan.program(), plan.weights(), plan.path(), threads);
}

} // namespace cadenza
