#include "compiler/import/hf/quantized/quantized_tensors.h"
#include "compiler/import/convert.h"
#include "compiler/import/hf/quantized/quantized_notice.h"
#include "compiler/import/problem.h"
#include "compiler/import/text.h"

#include <algorithm>
#include <array>

namespace cadenza {
namespace {

constexpr std::string_view weightSuffix = ".weight";

/// A message without what differs from module to module: numbers, and all of quoted names but their last part.
std::string kindOf(std::string_view message) {
  std::string kind;
  for (size_t i = 0; i < message.size(); ++i) {
    const size_t end = message[i] == '\'' ? message.find('\'', i + 1) : std::string_view::npos;
    if (end != std::string_view::npos) {
      const std::string_view name = message.substr(i + 1, end - i - 1);
      kind += name.substr(name.rfind('.') + 1); // npos + 1 is 0
      i = end;
    } else if (message[i] < '0' || message[i] > '9') {
      kind += message[i];
    }
  }
  return kind;
}

/// Problems of the same kind in several modules: the first, and how many.
class Repeated {
public:
  void add(const std::string &text) {
    std::string kind = kindOf(text);
    auto known = std::ranges::find(problems_, kind, &std::pair<std::string, Problem>::first);
    if (known == problems_.end())
      known = problems_.emplace(known, std::move(kind), Problem{});
    known->second.add(text);
  }
  template <typename File> void forEach(const File &file) const {
    for (const auto &[kind, problem] : problems_)
      file(problem.first + problem.others());
  }

private:
  std::vector<std::pair<std::string, Problem>> problems_; // by kind, in the order in which they came
};

/// "checkpoint: 3 matrices are WHAT; the first is 'model.x'", of the tensors that were added.
std::string ofMatrices(const Problem &tensors, const std::string &what) {
  return "checkpoint: " + std::to_string(tensors.count) + (tensors.count == 1 ? " matrix is " : " matrices are ") +
         what + (tensors.count == 1 ? ": " : "; the first is ") + quotedName(tensors.first);
}

/// The matrices that weights need, by tensor.
std::map<std::string, ModuleMatrix> matricesOf(const std::vector<WeightSpec> &weights) {
  std::map<std::string, ModuleMatrix> matrices;
  for (const WeightSpec &spec : weights) {
    if (spec.shape.size() != 2 || !spec.constant.empty() || !spec.tensor.ends_with(weightSuffix))
      continue;
    ModuleMatrix matrix{.module = spec.tensor.substr(0, spec.tensor.size() - weightSuffix.size()),
                        .isEmbedding = !spec.role.starts_with("layers.") && spec.role != "head.weight",
                        .isHead = spec.role == "head.weight",
                        .rows = spec.view ? spec.view->rows : spec.rows(),
                        .columns = spec.columns()};
    const auto [place, isNew] = matrices.try_emplace(spec.tensor, matrix);
    place->second.isEmbedding = place->second.isEmbedding || matrix.isEmbedding;
  }
  return matrices;
}

/// Counts all tensors of a module as used: of a broken one nobody can say which are.
void useAll(const Checkpoint &checkpoint, const std::string &module, std::set<std::string, std::less<>> &used) {
  const auto &tensors = checkpoint.tensors();
  for (auto tensor = tensors.lower_bound(module); tensor != tensors.end() && tensor->first.starts_with(module);
       ++tensor)
    used.insert(tensor->first);
}

/// Scales of activations and of the cache, which do not concern weights.
bool isOfActivations(std::string_view name) {
  constexpr std::array<std::string_view, 8> ends = {".k_scale",      ".v_scale",      ".q_scale",      ".prob_scale",
                                                    ".k_zero_point", ".v_zero_point", ".q_zero_point", ".kv_scale"};
  return std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return name.ends_with(end); });
}

/// "int4 in groups of 128".
std::string describe(const StoredFormat &format) {
  const std::string name = format.kind == CodeKind::e4m3   ? "fp8 (e4m3)"
                           : format.kind == CodeKind::e2m1 ? "fp4 (e2m1)"
                           : format.kind == CodeKind::nf4  ? "nf4"
                                                           : "int" + std::to_string(format.bits);
  return name + (format.group == 0 ? " by rows" : " in groups of " + std::to_string(format.group)) +
         (format.permuted ? " out of order" : "");
}

/// Whether the first values of a matrix are the same in `dtype`.
bool beginsExactly(const StoredMatrix &matrix, DType dtype) {
  constexpr int64_t sampled = 4096;
  const int64_t rows = std::clamp<int64_t>(sampled / matrix.columns(), 1, matrix.rows());
  StoredRows stored;
  if (!matrix.read(0, rows, stored).isOk())
    return false;
  std::vector<float> values(stored.codes.size());
  dequantize(matrix.format(), stored, matrix.columns(), values.data(), matrix.groupOfColumn());
  std::vector<float> rounded = values;
  roundTo(dtype, rounded);
  return values == rounded;
}

} // namespace

QuantizedTensors openQuantized(const Checkpoint &checkpoint, const QuantizedFormat &format,
                               const std::vector<WeightSpec> &weights, Findings &findings) {
  QuantizedTensors result{.format = std::string(format.name())};
  Repeated invalid, unsupported;
  std::map<std::string, Problem> notes;
  Problem plain;
  for (const auto &[tensor, matrix] : matricesOf(weights)) {
    ModuleTensors module(checkpoint, matrix);
    std::string field;
    const bool excluded = format.excludes(module, field);
    if (!format.holds(module)) {
      if (!excluded && !matrix.isEmbedding && !matrix.isHead && checkpoint.find(tensor))
        plain.add(tensor);
      continue;
    }
    auto opened = format.open(module);
    result.used.insert(module.used().begin(), module.used().end());
    if (opened.isOk() && excluded)
      opened = Status(StatusCode::InvalidInput, checkpoint.files()[checkpoint.find(module.used().back())->file].name +
                                                    ": tensor " + quotedName(module.used().back()) +
                                                    " is of a quantised module, which config.json's " +
                                                    "quantization_config." + field + " leaves out");
    if (!opened.isOk()) {
      result.broken.insert(tensor);
      useAll(checkpoint, matrix.module, result.used);
      (opened.status().code() == StatusCode::Unsupported ? unsupported : invalid).add(opened.status().message());
      continue;
    }
    for (const std::string &note : module.notes())
      notes[note].add(tensor);
    result.bytes += module.bytes();
    result.matrices.emplace(tensor, std::move(*opened));
  }
  for (const auto &[name, tensor] : checkpoint.tensors())
    if (isOfActivations(name))
      result.used.insert(name);
  invalid.forEach([&](std::string text) { findings.invalid(std::move(text)); });
  unsupported.forEach([&](std::string text) { findings.unsupported(std::move(text)); });
  for (const auto &[note, noted] : notes)
    findings.notice(ofMatrices(noted, note));
  if (plain.count != 0 && !result.matrices.empty())
    findings.notice(ofMatrices(plain, "not quantised, though quantization_config does not say so, and taken as such"));
  return result;
}

void noteQuantized(const QuantizedTensors &quantized, const std::vector<WeightSpec> &weights, bool storesCodes,
                   Findings &findings) {
  QuantizedCount count{.format = quantized.format, .storesCodes = storesCodes, .bytesInFile = quantized.bytes};
  std::set<std::string_view> seen;
  for (const WeightSpec &spec : weights) {
    const auto found = quantized.matrices.find(spec.tensor);
    if (found == quantized.matrices.end())
      continue;
    count.type = spec.dtype;
    count.bytesInPlan += static_cast<uint64_t>(spec.rows() * spec.columns()) * dtypeSize(spec.dtype);
    if (!seen.insert(spec.tensor).second) // a tensor may hold several weights
      continue;
    ++count.matrices[describe(found->second->format())];
    count.isExact = count.isExact && beginsExactly(*found->second, spec.dtype);
  }
  if (!count.matrices.empty() && quantized.broken.empty())
    findings.notice(quantizedNotice(count));
}

} // namespace cadenza
