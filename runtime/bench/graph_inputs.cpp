#include "runtime/bench/graph_inputs.h"

#include "runtime/api/named_files.h"
#include "runtime/api/npy.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <random>

namespace cadenza::bench {
namespace {

struct Range {
  double low = 0, high = 0;
};

Status invalid(std::string message) { return {StatusCode::InvalidArgument, std::move(message)}; }

StatusOr<Range> parseRange(const std::string &name, const std::string &text) {
  Range range;
  const size_t comma = std::min(text.find(','), text.size());
  const auto number = [](std::string_view part, double &value) {
    const auto [end, problem] = std::from_chars(part.data(), part.data() + part.size(), value);
    return problem == std::errc() && end == part.data() + part.size();
  };
  const std::string_view view = text;
  if (comma == text.size() || !number(view.substr(0, comma), range.low) ||
      !number(view.substr(comma + 1), range.high) || !(range.low < range.high))
    return invalid("--input-range '" + name + "=" + text + "': expected NAME=LOW,HIGH, the lower number first");
  return range;
}

/// How many rows there are for the indices that an edge holds, if gathers take it as it is: the fewest.
std::optional<int64_t> rowsFor(const Program &program, const Entry &entry, uint32_t edge) {
  std::optional<int64_t> fewest;
  const auto visit = [&](const Phase &phase) {
    std::vector<nn::TensorSpec> values;
    values.reserve(phase.inputs.size());
    for (uint32_t input : phase.inputs)
      values.push_back(tensorSpec(program.edges[input]));
    for (const TensorOp &op : phase.body) {
      if (op.name == "gather" && op.operands[1] < phase.inputs.size() && phase.inputs[op.operands[1]] == edge) {
        const nn::Shape &shape = values[op.operands[0]].shape;
        const auto axis = op.attributes.at("axis").get<int64_t>(); // the plan's check has seen it
        const int64_t rows = shape[static_cast<size_t>(axis < 0 ? axis + std::ssize(shape) : axis)];
        fewest = std::min(fewest.value_or(rows), rows);
      }
      values.insert(values.end(), op.results.begin(), op.results.end());
    }
  };
  for (const Block &block : entry.blocks)
    for (const Phase &phase : block.phases)
      if (phase.kind == PhaseKind::Fusion)
        visit(phase);
  return fewest;
}

std::string numberText(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  return text.ends_with('.') ? text.substr(0, text.size() - 1) : text;
}

/// Elements of `spec`, at random.
GraphInput randomInput(const std::string &name, const nn::TensorSpec &spec, Range range, std::mt19937_64 &generator) {
  std::vector<double> values(static_cast<size_t>(spec.elements()));
  for (double &value : values) {
    value = range.low + (range.high - range.low) * (static_cast<double>(generator() >> 11) * 0x1p-53);
    if (!isFloat(spec.element))
      value = std::floor(value);
  }
  return {name, nn::tensorOf(spec.element, spec.shape, std::span<const double>(values)),
          "random in [" + numberText(range.low) + ", " + numberText(range.high) + ")"};
}

bool isMask(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name.find("mask") != std::string::npos;
}

Range usualRange(const Program &program, const Entry &entry, const Port &port) {
  if (isFloat(program.edges[*port.edge].dtype))
    return {-1, 1};
  constexpr int64_t most = 100;
  return {0, static_cast<double>(std::min(most, rowsFor(program, entry, *port.edge).value_or(most)))};
}

} // namespace

StatusOr<std::vector<GraphInput>> graphInputs(const Program &program, const Entry &entry,
                                              const GraphInputOptions &options) {
  CADENZA_ASSIGN_OR_RETURN(auto files, parsePairs(options.files, "--input", "NAME=FILE.npy"));
  CADENZA_ASSIGN_OR_RETURN(auto ranges, parsePairs(options.ranges, "--input-range", "NAME=LOW,HIGH"));
  std::mt19937_64 generator(options.seed);
  std::vector<GraphInput> inputs;
  for (const Port &port : entry.inputs) {
    const nn::TensorSpec spec{program.edges[*port.edge].dtype, port.shape};
    const auto file = files.extract(port.name), text = ranges.extract(port.name);
    if (file && text)
      return invalid("input \"" + port.name + "\" is given by a file and by a range");
    if (file) {
      CADENZA_ASSIGN_OR_RETURN(Tensor value, readNpy(file.mapped()));
      inputs.push_back({port.name, std::move(value), file.mapped()});
    } else if (text) {
      CADENZA_ASSIGN_OR_RETURN(const Range range, parseRange(port.name, text.mapped()));
      inputs.push_back(randomInput(port.name, spec, range, generator));
    } else if (spec.element == ElementType::boolean || (isInteger(spec.element) && isMask(port.name))) {
      const std::vector<int64_t> ones(static_cast<size_t>(spec.elements()), 1);
      inputs.push_back({port.name, nn::tensorOf(spec.element, spec.shape, std::span<const int64_t>(ones)), "ones"});
    } else {
      inputs.push_back(randomInput(port.name, spec, usualRange(program, entry, port), generator));
    }
  }
  for (const auto *left : {&files, &ranges})
    if (!left->empty())
      return invalid("entry '" + entry.name + "' takes no \"" + left->begin()->first + "\"");
  return inputs;
}

} // namespace cadenza::bench
