// Kernels of fusions: the ops of a graph. A map computes each element of its results from elements of its inputs, a
// thread an element or a pack of them; what reduces rows is written by RowsWriter, a product on tensor cores is
// configured by ProductWriter.
#include "codegen/function_emitter.h"
#include "codegen/phase_emitter.h"
#include "codegen/product_writer.h"
#include "codegen/rows_writer.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace cadenza {
namespace {

/// "int" if that counts the elements of every value.
StringRef indexTypeOf(step::FusionOp fusion) {
  bool isSmall = true;
  const auto look = [&](ValueRange values) {
    for (Value value : values)
      isSmall &= elementsOf(shapeOf(value)) < int64_t{1} << 31;
  };
  look(fusion.getBody().getArguments());
  for (Operation &op : fusion.getOps())
    look(op.getResults());
  return isSmall ? "int" : "int64_t";
}

class MapWriter final : public ElementWriter {
public:
  MapWriter(StringRef indexType, step::FusionOp fusion, int64_t pack)
      : ElementWriter(indexType), fusion_(fusion), pack_(pack) {}

  void write(ArrayRef<std::string> outputs) {
    code.line("const " + indexType_ + " i = tensor::thread_number<" + indexType_ + ">();");
    llvm::MapVector<int64_t, SmallVector<unsigned>> bySize; // results of one size are computed together
    for (auto [number, result] : llvm::enumerate(fusion_.getResults()))
      bySize[elementsOf(shapeOf(result))].push_back(number);
    for (const auto &[elements, numbers] : bySize)
      write(elements, numbers, outputs);
  }

private:
  void write(int64_t elements, ArrayRef<unsigned> numbers, ArrayRef<std::string> outputs) {
    const IndexExpression first = IndexExpression::variable("i", elements / pack_) * pack_;
    ScopedCode::Nested isThere(code, "if (i < " + std::to_string(elements / pack_) + ") {");
    isThere.scope().variables.insert("i"); // nothing that depends on it may stand outside
    const auto value = [&](unsigned number) { return fusion_.getYield().getValues()[number]; };
    if (pack_ == 1) {
      for (unsigned number : numbers)
        code.line(outputs[number] + "[i] = " + element(value(number), {std::nullopt, first}) + ";");
      return;
    }
    const std::string count = std::to_string(pack_);
    for (unsigned number : numbers)
      code.line("tensor::Pack<" + elementDeviceType(value(number)).str() + ", " + count + "> " + packName(number) +
                ";");
    {
      ScopedCode::Nested loop(code, "for (int j = 0; j < " + count + "; ++j) {", CodeScope::Kind::Pack);
      loop.setPragma("#pragma unroll");
      loop.scope().packVariable = "j";
      loop.scope().pack = pack_;
      loop.scope().variables.insert("j");
      const IndexExpression flat = first + IndexExpression::variable("j", pack_);
      for (unsigned number : numbers)
        code.line(packName(number) + "[j] = " + element(value(number), {std::nullopt, flat}) + ";");
    }
    for (unsigned number : numbers)
      code.line("tensor::store(" + outputs[number] + " + " + first.text() + ", " + packName(number) + ");");
  }

  static std::string packName(unsigned number) { return "result_" + std::to_string(number); }

  step::FusionOp fusion_;
  int64_t pack_;
};

/// "binary add" as "add", the others by their name.
std::string opName(Operation &op) {
  if (auto unary = dyn_cast<nn::UnaryOp>(op))
    return std::string(nn::name(unary.getFunction()));
  if (auto binary = dyn_cast<nn::BinaryOp>(op))
    return std::string(nn::name(binary.getFunction()));
  return op.getName().stripDialect().str();
}

/// What a launch reads of a weight: of one that is only gathered from, what is gathered.
uint64_t bytesRead(nn::GetWeightOp weight) {
  uint64_t gathered = 0;
  for (Operation *user : weight->getUsers()) {
    auto gather = dyn_cast<nn::GatherOp>(user);
    if (!gather || gather.getInput() != weight.getResult())
      return vectorBytes(weight);
    gathered += vectorBytes(gather);
  }
  return std::min(gathered, vectorBytes(weight));
}

/// "1x128x384 float + 1x128 int64_t"
std::string describe(ValueRange values) {
  const auto one = [](Value value) {
    std::string shape;
    for (int64_t extent : shapeOf(value))
      shape += (shape.empty() ? "" : "x") + std::to_string(extent);
    return (shape.empty() ? "scalar" : shape) + " " + elementDeviceType(value).str();
  };
  return llvm::join(llvm::map_range(values, one), " + ");
}

/// What is said of a kernel, but its code.
KernelDraft describedDraft(step::FusionOp fusion, sched::LaunchOp launch) {
  KernelDraft draft;
  setLaunch(draft, launch, PhaseKind::Fusion);
  for (Operation &op : fusion.getOps()) {
    if (auto weight = dyn_cast<nn::GetWeightOp>(op))
      draft.record.weightBytes += bytesRead(weight);
    else if (!isa<nn::ConstantOp>(op))
      draft.record.fusedOps.push_back(opName(op));
  }
  for (Value value : llvm::concat<Value>(fusion.getInputs(), fusion.getResults()))
    draft.record.activationBytes += vectorBytes(value);
  draft.shapes = describe(fusion.getInputs()) + " -> " + describe(fusion.getResults());
  return draft;
}

/// The struct of the kernel: its parameters, constants, and code.
std::string structOf(const ElementWriter &writer, const Kernel &record) {
  std::string text = "struct " + kernelName.str() + " {\n  struct Args {\n";
  for (const ElementWriter::Parameter &parameter : writer.parameters)
    text += "    " + parameter.type + " *" + parameter.name + ";\n";
  text += "  };\n  static constexpr int words = " + std::to_string(writer.parameters.size()) +
          ", blocks = " + std::to_string(record.blocks) + ", threads = " + std::to_string(record.threads) +
          ", shared_bytes = " + std::to_string(record.sharedBytes) + ";\n\n";
  text += "  CADENZA_DEVICE static void run(const Args &args) {\n";
  for (const std::string &table : writer.tables)
    text += "    " + table + "\n";
  for (const std::string &line : writer.prefetches())
    text += "    " + line + "\n";
  text += "    arch::grid_dependency_wait();\n    arch::grid_dependency_trigger();\n";
  return text + writer.code.text(4) + "  }\n};";
}

template <typename Writer>
FailureOr<KernelDraft> writtenDraft(Writer &writer, step::FusionOp fusion, sched::LaunchOp launch) {
  std::vector<std::string> outputs;
  std::vector<ElementWriter::Parameter> results; // stand last
  for (auto [number, result] : llvm::enumerate(fusion.getResults())) {
    const std::string name = "output_" + std::to_string(number);
    outputs.push_back("args." + name);
    results.push_back({elementDeviceType(result).str(), name, {.kind = ArgumentKind::Edge, .edge = result}});
  }
  writer.write(outputs);
  if (writer.hasFailed())
    return failure();
  llvm::append_range(writer.parameters, results);
  KernelDraft draft = describedDraft(fusion, launch);
  draft.config = structOf(writer, draft.record);
  draft.instance = "phase::" + kernelName.str();
  for (const ElementWriter::Parameter &parameter : writer.parameters)
    draft.arguments.push_back(parameter.argument);
  return draft;
}

/// A kernel that is one configuration of a template.
FailureOr<KernelDraft> draftOf(FailureOr<ProductConfig> config, StringRef device, step::FusionOp fusion,
                               sched::LaunchOp launch) {
  if (failed(config))
    return failure();
  KernelDraft draft = describedDraft(fusion, launch);
  draft.config = "struct " + kernelName.str() + " {\n" + config->members + "};";
  draft.instance = (device + "<phase::" + kernelName + ">").str();
  draft.arguments = std::move(config->arguments);
  return draft;
}

/// Several products of one operand: each has blocks of its own.
FailureOr<KernelDraft> draftOf(ArrayRef<ProductPlan> products, step::FusionOp fusion, sched::LaunchOp launch) {
  KernelDraft draft = describedDraft(fusion, launch);
  std::string structs, args, run;
  for (auto [number, plan] : llvm::enumerate(products)) {
    FailureOr<ProductConfig> config = productConfig(fusion, plan);
    if (failed(config))
      return failure();
    const std::string name = "product_" + std::to_string(number), device = "Matmul<" + name + ">";
    std::string text = "struct " + name + " {\n" + config->members + "};\n";
    for (StringRef line : llvm::split(StringRef(text).drop_back(), '\n'))
      structs += "  " + line.str() + "\n";
    args += "    " + device + "::Args args_" + std::to_string(number) + ";\n";
    const std::string call = device + "::run(args.args_" + std::to_string(number) + ", block);\n";
    if (number + 1 == products.size())
      run += "    " + call;
    else
      run += llvm::formatv("    if (block < {0}::blocks)\n      return {1}    block -= {0}::blocks;\n", device, call);
    llvm::append_range(draft.arguments, config->arguments);
  }
  draft.config =
      "struct " + kernelName.str() + " {\n" + structs + "  struct Args {\n" + args +
      "  };\n  static constexpr int words = sizeof(Args) / 8, blocks = " + std::to_string(draft.record.blocks) +
      ", shared_bytes = " + std::to_string(draft.record.sharedBytes) +
      ";\n\n  CADENZA_DEVICE static void run(const Args &args) {\n"
      "    int block = static_cast<int>(arch::block_index());\n" +
      run + "  }\n};";
  draft.instance = "phase::" + kernelName.str();
  return draft;
}

} // namespace

FailureOr<KernelDraft> emitFusion(step::FusionOp fusion, sched::LaunchOp launch) {
  const std::vector<ProductPlan> products = productsOf(fusion, launch.getCluster() > 1);
  if (products.size() == 1)
    return draftOf(productConfig(fusion, products[0]), "Matmul", fusion, launch);
  if (!products.empty())
    return draftOf(products, fusion, launch);
  if (const std::optional<AttentionPlan> attention = attentionOf(fusion))
    return draftOf(attentionConfig(fusion, *attention), "AttendSequence", fusion, launch);
  const StringRef indexType = indexTypeOf(fusion);
  const auto pack = static_cast<int64_t>(launch.getPack().value_or(1));
  if (std::optional<RowSpace> rows = rowSpaceOf(fusion)) {
    RowsWriter writer(indexType, fusion, std::move(*rows), pack, static_cast<int64_t>(*launch.getLanes()));
    return writtenDraft(writer, fusion, launch);
  }
  MapWriter writer(indexType, fusion, pack);
  return writtenDraft(writer, fusion, launch);
}

} // namespace cadenza
