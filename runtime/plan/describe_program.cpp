// The long forms: every phase, every weight.
#include "runtime/plan/describe.h"
#include "runtime/plan/program_names.h"
#include "runtime/plan/text_table.h"

namespace cadenza {
namespace {

std::string decimal(uint64_t value) { return std::to_string(value); }

template <typename T, typename F> std::string join(const std::vector<T> &values, F write) {
  std::string text;
  for (const T &value : values)
    text += (text.empty() ? "" : ", ") + std::string(write(value));
  return text;
}

class ProgramPrinter {
public:
  explicit ProgramPrinter(const Program &program) : program_(program) {}

  std::string text() const {
    std::string text = "edges (arena of " + decimal(program_.arenaBytes) + " bytes)\n";
    TextTable edges("rllrl");
    for (size_t i = 0; i < program_.edges.size(); ++i) {
      const Edge &edge = program_.edges[i];
      edges.row({decimal(i), edge.name,
                 edge.shape ? nn::text(tensorSpec(edge))
                            : std::string(dtypeName(edge.dtype)) + "[" +
                                  (edge.tokens == 1 ? "" : decimal(edge.tokens) + " x ") + decimal(edge.elements) + "]",
                 "at", decimal(edge.offset)});
    }
    text += edges.text("  ");
    for (const Entry &entry : program_.entries) {
      const auto port = [&](const Port &port) { return describePort(program_, port); };
      text += "\nentry " + entry.name + ": " + join(entry.inputs, port) + " -> " + join(entry.outputs, port) + "\n";
      for (const Block &block : entry.blocks) {
        text += "\n" + block.name + " x " + decimal(block.count) + "\n";
        for (const Phase &phase : block.phases)
          text += phaseText(phase);
      }
    }
    return text;
  }

private:
  std::string edge(uint32_t index) const { return program_.edges[index].name; }

  /// The name, or for a table that of its first entry, marked with the table.
  template <typename Entry>
  static std::string refText(const Ref &ref, const std::vector<Entry> &entries, const std::vector<Table> &tables) {
    return ref.perLayer ? "table " + decimal(ref.index) + " (" + entries[tables[ref.index][0]].name + ", ...)"
                        : entries[ref.index].name;
  }
  std::string weight(const Ref &ref) const { return refText(ref, program_.weights, program_.weightTables); }
  std::string cache(const Ref &ref) const { return refText(ref, program_.caches, program_.cacheTables); }

  std::string scalar(const Ref &ref) const {
    const auto value = [&](uint32_t index) {
      return program_.scalars[index].name + " = " + std::to_string(program_.scalars[index].value);
    };
    return ref.perLayer ? "table " + decimal(ref.index) + " (" + join(program_.scalarTables[ref.index], value) + ")"
                        : value(ref.index);
  }

  std::string functionText(const Function &function) const {
    std::string text = function.name + " " + function.parameters.dump();
    if (!function.operands.empty())
      text += " operands: " + join(function.operands, [&](uint32_t i) { return edge(i); });
    if (!function.weights.empty())
      text += " weights: " + join(function.weights, [&](const Ref &ref) { return weight(ref); });
    if (!function.caches.empty())
      text += " caches: " + join(function.caches, [&](const Ref &ref) { return cache(ref); });
    return text;
  }

  std::string argumentText(const Argument &argument) const {
    std::string kind(nameOf(argumentKindNames, argument.kind));
    switch (argument.kind) {
    case ArgumentKind::Edge:
      return edge(argument.index);
    case ArgumentKind::Weight:
      return weight(argument.ref);
    case ArgumentKind::CacheKey:
    case ArgumentKind::CacheValue:
    case ArgumentKind::CachePositions:
      return kind + " " + cache(argument.ref);
    case ArgumentKind::Scalar:
      return kind + " " + scalar(argument.ref);
    case ArgumentKind::Scratch:
      return kind + " " + program_.scratch[argument.index].name;
    case ArgumentKind::Number:
      return decimal(argument.index);
    default:
      return kind;
    }
  }

  std::string launchText(const Launch &launch) const {
    const auto text = [&](const Argument &a) { return (a.map ? "map of " : "") + argumentText(a); };
    return launch.kernel + "(" + join(launch.arguments, text) + ")" +
           (launch.blocks == 0 ? "" : " of " + decimal(launch.blocks) + " blocks");
  }

  /// "%2 = gather %0 %1 {"axis":0} : f16 [1, 3, 2]". Values have the numbers of the body; the first results of ops come
  /// after the inputs.
  std::string opText(const TensorOp &op, size_t first) const {
    const auto value = [](size_t number) { return "%" + decimal(number); };
    std::string text;
    for (size_t i = 0; i < op.results.size(); ++i)
      text += (i ? ", " : "") + value(first + i);
    text += " = " + op.name;
    for (uint32_t operand : op.operands)
      text += " " + value(operand);
    if (op.weight)
      text += " " + program_.weights[*op.weight].name;
    if (!op.attributes.empty())
      text += " " + op.attributes.dump();
    return text + " : " + join(op.results, [](const nn::TensorSpec &spec) { return nn::text(spec); });
  }

  std::string phaseText(const Phase &phase) const {
    const auto edgeNames = [&](const std::vector<uint32_t> &edges) {
      return edges.empty() ? "-" : join(edges, [&](uint32_t i) { return edge(i); });
    };
    std::string text = "  " + phase.name + ": " + std::string(phaseKindName(phase.kind)) + " " +
                       edgeNames(phase.inputs) + " -> " + edgeNames(phase.outputs) + "\n";
    const auto line = [&](const std::string &name, const std::string &value) {
      text += "    " + name + std::string(name.size() < 10 ? 10 - name.size() : 1, ' ') + value + "\n";
    };
    if (phase.kind == PhaseKind::Project || phase.kind == PhaseKind::Embed)
      line("matrix", weight(phase.matrix));
    if (phase.positions)
      line("positions", weight(*phase.positions));
    if (phase.kind == PhaseKind::Project)
      line("segments", join(phase.segmentRows, [](int64_t rows) { return decimal(rows); }) +
                           (phase.interleaved ? ", interleaved" : "") + ", K in " + describeSumOrder(phase));
    if (!phase.parameters.empty())
      line("with", phase.parameters.dump());
    if (!phase.caches.empty())
      line("caches", join(phase.caches, [&](const Ref &ref) { return cache(ref); }));
    if (!phase.scalars.empty())
      line("window", join(phase.scalars, [&](const Ref &ref) { return scalar(ref); }));
    for (const Function &function : phase.prologue)
      line("prologue", functionText(function));
    for (const Function &function : phase.epilogues)
      line("epilogue", functionText(function));
    size_t value = phase.inputs.size();
    for (const TensorOp &op : phase.body) {
      line("op", opText(op, value));
      value += op.results.size();
    }
    if (!phase.results.empty())
      line("gives", join(phase.results, [](uint32_t number) { return "%" + decimal(number); }));
    line("is", join(phase.outputNames, [](const std::string &name) { return name; }));
    if (phase.prepare)
      line("prepare", launchText(*phase.prepare));
    if (phase.launch.kernel.empty())
      line("kernel", "none: only the CPU runs it");
    else
      line("kernel", launchText(phase.launch));
    for (const Variant &variant : phase.variants)
      line("on " + join(variant.targets, [](const std::string &target) { return target; }), launchText(variant.launch));
    return text;
  }

  const Program &program_;
};

} // namespace

std::string describeSumOrder(const Phase &phase) {
  const std::string ways = decimal(phase.kWays) + (phase.kWays == 1 ? " way" : " ways");
  return phase.kGroups.size() == 1 ? ways : decimal(phase.kGroups.size()) + " groups of " + ways;
}

std::string describeProgram(const Program &program) { return ProgramPrinter(program).text(); }

std::string describeWeights(const Program &program) {
  TextTable table("rlllrr");
  table.row({"", "name", "encoding", "shape", "offset", "bytes"});
  for (size_t i = 0; i < program.weights.size(); ++i) {
    const Weight &weight = program.weights[i];
    const std::string columns = format_of(weight.encoding).matrix() ? "[" + decimal(weight.columns) + "]" : "";
    table.row({decimal(i), weight.name, encodingName(weight.encoding),
               weight.encoding == Encoding::tensor
                   ? nn::text({weight.dtype, weight.shape})
                   : std::string(dtypeName(weight.dtype)) + "[" + decimal(weight.rows) + "]" + columns,
               decimal(weight.offset), decimal(weight.bytes)});
  }
  return table.text("");
}

} // namespace cadenza
