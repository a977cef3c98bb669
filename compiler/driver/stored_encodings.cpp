#include "compiler/driver/stored_encodings.h"

#include "compiler/ir/step/Step.h"
#include "compiler/plan/stored_codes.h"
#include "runtime/support/encoding_name.h"

#include <algorithm>

using namespace mlir;

namespace cadenza {
namespace {

/// The encoding of the fewest bytes that holds all of these formats.
std::optional<Encoding> commonEncoding(const std::vector<std::optional<StoredFormat>> &formats) {
  std::optional<Encoding> best;
  const auto bytes = [](const Encoding &encoding) {
    return dense_bytes<int64_t>(format_of(encoding), tile_rows, 4096);
  };
  for (const Encoding &encoding : matrixEncodings())
    if (std::ranges::all_of(formats, [&](const auto &format) { return format && holds(encoding, *format); }) &&
        (!best || bytes(encoding) < bytes(*best)))
      best = encoding;
  return best;
}

std::optional<StoredFormat> formatOf(const WeightSpec &spec, const WeightSource &source) {
  const StoredMatrix *matrix = source.stored(spec);
  return matrix && canRepack(spec, *matrix) ? std::optional(matrix->format()) : std::nullopt;
}

} // namespace

std::string StoredEncodings::toText() const {
  size_t all = 0;
  std::string counts;
  for (const auto &[name, count] : matrices) {
    counts += (counts.empty() ? "" : ", ") + std::to_string(count) + " " + name;
    all += count;
  }
  return std::to_string(all) + " matrices keep the codes of the checkpoint (" + counts + ")" +
         (others == 0 ? "" : ", " + std::to_string(others) + " are stored in 16 bits");
}

StatusOr<StoredEncodings> storedEncodings(ModuleOp module, const WeightSource &source) {
  func::FuncOp decode = nn::decodeEntryOf(module);
  if (!decode)
    return Status(StatusCode::InvalidArgument,
                  "--encode=stored: only matrices of decoders are encoded; this model is a graph of tensors");
  const std::vector<QuantizableMatrix> matrices = matricesOf(decode, module);
  std::vector<size_t> layers;
  for (size_t i = 0; i < matrices.size(); ++i)
    if (!matrices[i].isHead)
      layers.push_back(i);
  const std::vector<size_t> sets = setsStoredAlike(matrices, layers);
  std::map<size_t, std::vector<std::optional<StoredFormat>>> formats; // of a set
  for (size_t i = 0; i < layers.size(); ++i)
    formats[sets[i]].push_back(formatOf(matrices[layers[i]].spec, source));

  StoredEncodings chosen;
  SymbolTable symbols(module);
  const auto note = [&](const Encoding &encoding) {
    if (encoding == Encoding::tiles16)
      ++chosen.others;
    else
      ++chosen.matrices[encodingName(encoding)];
  };
  std::map<size_t, std::optional<Encoding>> common;
  for (const auto &[set, ofSet] : formats)
    common[set] = commonEncoding(ofSet);
  for (size_t i = 0; i < layers.size(); ++i) {
    const WeightSpec &spec = matrices[layers[i]].spec;
    const Encoding encoding =
        common[sets[i]] ? *common[sets[i]] : commonEncoding({formatOf(spec, source)}).value_or(Encoding::tiles16);
    symbols.lookup(spec.role)->setAttr(step::StepDialect::encodingName,
                                       step::encodingAttr(module.getContext(), encoding));
    note(encoding);
  }
  for (const QuantizableMatrix &matrix : matrices)
    if (matrix.isHead) {
      const Encoding encoding = commonEncoding({formatOf(matrix.spec, source)}).value_or(Encoding::tiles16);
      chosen.head = encodingName(encoding);
      note(encoding);
    }
  if (chosen.matrices.empty())
    return Status(StatusCode::InvalidArgument, "--encode=stored: this checkpoint has no matrix in codes that an "
                                               "encoding holds (docs/gguf.md, docs/quantized-checkpoints.md). Without "
                                               "the option codes are stored in 16 bits; --quantize rounds matrices of "
                                               "floats");
  return chosen;
}

} // namespace cadenza
