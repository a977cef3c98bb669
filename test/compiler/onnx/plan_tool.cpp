// onnx_plan_run [--emulated] [MODEL FOLDER]...: compiles an ONNX graph to FOLDER/model.plan and runs that on the CPU,
// or its kernels in the emulation (whose libcuda.so.1 is found by LD_LIBRARY_PATH), for scripts that compare the
// results (run_plan_cases.py). A folder holds input_0.bin, ..., the raw bytes of the model's inputs in order, and gets
// output_0.bin, .... A line a folder: "PASS" and the outputs' types, or "KIND: TEXT" of the error.
#include "compiler/driver/compile.h"
#include "runtime/executor.h"
#include "runtime/plan/plan.h"

#include <fstream>
#include <iostream>
#include <iterator>
#include <string_view>

using namespace cadenza;

namespace {

/// "unsupported: TEXT" or "error: TEXT", on one line.
std::string describe(const Status &status) {
  std::string text = status.message();
  std::ranges::replace(text, '\n', ' ');
  return (status.code() == StatusCode::Unsupported ? "unsupported: " : "error: ") + text;
}

Status compile(const std::string &model, const std::string &plan, bool isEmulated) {
  CompileOptions options;
  options.import.directory = model;
  options.targets = isEmulated ? "host" : "cpu";
  options.output = plan;
  options.threads = 1;
  Progress progress(/*quiet=*/true);
  return compileModel(options, progress);
}

StatusOr<std::string> execute(const std::string &file, const std::string &folder, bool isEmulated) {
  CADENZA_ASSIGN_OR_RETURN(const std::shared_ptr<const Plan> plan, Plan::open(file));
  CADENZA_ASSIGN_OR_RETURN(const std::unique_ptr<TensorExecutor> executor,
                           isEmulated ? makeCudaTensorExecutor(*plan) : makeCpuTensorExecutor(*plan, 1));
  const Entry &entry = plan->program().entries.front();
  Tensors inputs;
  for (size_t i = 0; i < entry.inputs.size(); ++i) {
    const Port &port = entry.inputs[i];
    std::ifstream stream(folder + "/input_" + std::to_string(i) + ".bin", std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(stream), {}};
    Tensor tensor = nn::zeros({plan->program().edges[*port.edge].dtype, port.shape});
    if (tensor.bytes.size() != bytes.size())
      return Status(StatusCode::InvalidInput, "input " + std::to_string(i) + " has " + std::to_string(bytes.size()) +
                                                  " bytes, " + nn::text(tensor) + " has " +
                                                  std::to_string(tensor.bytes.size()));
    std::ranges::transform(bytes, tensor.bytes.begin(), [](char byte) { return static_cast<std::byte>(byte); });
    inputs[port.name] = std::move(tensor);
  }
  CADENZA_ASSIGN_OR_RETURN(const Tensors outputs, executor->run(entry.name, inputs));
  std::string text = "PASS";
  for (size_t i = 0; i < entry.outputs.size(); ++i) {
    const Tensor &value = outputs.find(entry.outputs[i].name)->second;
    std::ofstream stream(folder + "/output_" + std::to_string(i) + ".bin", std::ios::binary);
    stream.write(reinterpret_cast<const char *>(value.bytes.data()), static_cast<std::streamsize>(value.bytes.size()));
    text += (i == 0 ? " " : "; ") + nn::text(value);
  }
  return text;
}

std::string run(const std::string &model, const std::string &folder, bool isEmulated) {
  const std::string plan = folder + "/model.plan";
  if (const Status status = compile(model, plan, isEmulated); !status.isOk())
    return describe(status);
  const StatusOr<std::string> result = execute(plan, folder, isEmulated);
  return result.isOk() ? *result : "error: " + describe(result.status());
}

} // namespace

int main(int argc, char **argv) {
  const bool isEmulated = argc > 1 && std::string_view(argv[1]) == "--emulated";
  for (int i = isEmulated ? 2 : 1; i + 1 < argc; i += 2)
    std::cout << argv[i + 1] << ": " << run(argv[i], argv[i + 1], isEmulated) << "\n";
}
