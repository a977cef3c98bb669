#include "compiler/quantize/choose_encodings.h"

#include "compiler/quantize/allocate_bits.h"
#include "compiler/quantize/encoding_type.h"
#include "compiler/quantize/measure_errors.h"
#include "compiler/quantize/name_patterns.h"
#include "runtime/support/encoding_name.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <numeric>

namespace cadenza {
namespace {

/// What mixed chooses from, besides 16 bits. fp8 is not among them: int8 takes the same bits and is off by a third.
std::vector<Encoding> mixedEncodings() {
  return {Encoding::int4, *encodingNamed("int4:g64"), *encodingNamed("int4:g32"), *encodingNamed("int4:g32:zeros"),
          Encoding::int8};
}

Status noEncoding(const std::string &option, const std::string &name) {
  return {StatusCode::InvalidArgument, option + "=" + name + ": there is no such encoding of matrices; there are " +
                                           std::string(matrixEncodingSyntax()) +
                                           (option == "--quantize" ? "; and mixed" : "")};
}

std::optional<Encoding> matrixEncoding(const std::string &name) {
  const std::optional<Encoding> encoding = encodingNamed(name);
  return encoding && format_of(*encoding).matrix() ? encoding : std::nullopt;
}

/// Encodings that only a checkpoint's codes are for: nothing looks for the best ones of super-blocks.
Status superBlocks(const std::string &option, const std::string &name) {
  return {StatusCode::InvalidArgument,
          option + "=" + name + ": no quantiser is for super-blocks; --encode=stored keeps those of a GGUF file, and " +
              "int4:g32:zeros, or int8, has as many bits"};
}

/// That of the layers' matrices, for a type other than mixed.
StatusOr<Encoding> layersEncoding(const QuantizeOptions &options) {
  const std::optional<Encoding> named = matrixEncoding(options.type);
  if (!named)
    return noEncoding("--quantize", options.type);
  if (has_super_blocks(*named))
    return superBlocks("--quantize", options.type);
  if (options.group == 0)
    return *named;
  const Encoding grouped(named->kind, options.group, named->zeros,
                         named->group == 0 ? Encoding::usual_scale(named->kind, options.group) : named->scale);
  const bool saysGroup = options.type.find(":g") != std::string::npos;
  if (!is_valid(grouped) || (saysGroup && named->group != options.group))
    return Status(StatusCode::InvalidArgument, "--group=" + std::to_string(options.group) + ": --quantize=" +
                                                   options.type + " has no such groups; groups are of 32, 64 or 128");
  return grouped;
}

Encoding headEncoding(const QuantizeOptions &options) {
  return options.head.empty() ? Encoding(Encoding::int8) : *matrixEncoding(options.head);
}

/// Which matrices of the layers stay as they are; the head has an option of its own. InvalidArgument for a pattern that
/// matches none.
StatusOr<std::vector<bool>> keptOf(const std::vector<QuantizableMatrix> &matrices,
                                   const std::vector<std::string> &patterns) {
  std::vector<bool> kept(matrices.size(), false);
  for (const std::string &pattern : patterns) {
    bool matches = false, matchesHead = false;
    for (size_t i = 0; i < matrices.size(); ++i) {
      if (!matchesName(pattern, matrices[i].spec.role) && !matchesName(pattern, matrices[i].spec.tensor))
        continue;
      (matrices[i].isHead ? matchesHead : matches) = true;
      kept[i] = !matrices[i].isHead;
    }
    if (matches)
      continue;
    if (matchesHead || pattern == "lm_head") // also where the head has the matrix of the embedding
      return Status(StatusCode::InvalidArgument,
                    "--keep=" + pattern + ": that is the head; --quantize-head=tiles16 leaves it at 16 bits");
    std::vector<std::string> names;
    for (const QuantizableMatrix &matrix : matrices) {
      if (matrix.isHead)
        continue;
      names.push_back(matrix.spec.role);
      names.push_back(matrix.spec.tensor);
    }
    std::string message = "--keep=" + pattern + ": no matrix of a product has such a name";
    const std::vector<std::string> similar = similarNames(pattern, names);
    for (size_t i = 0; i < similar.size(); ++i)
      message += (i == 0 ? "; did you mean " : ", ") + similar[i];
    if (similar.empty() && !names.empty())
      message += "; there are " + names.front() + " (" + names[1] + ") and others: cadenza-inspect PLAN --weights";
    return Status(StatusCode::InvalidArgument, message);
  }
  return kept;
}

/// "layers.3.mlp.up.weight" and "layers.4.mlp.up.weight" have one place: "layers.*.mlp.up.weight".
std::string placeOf(const std::string &role) {
  std::string place;
  for (size_t i = 0; i < role.size(); ++i) {
    const bool isDigit = role[i] >= '0' && role[i] <= '9', begins = i == 0 || role[i - 1] == '.';
    if (isDigit && (begins || place.ends_with('*')))
      place += place.ends_with('*') ? "" : "*";
    else
      place += role[i];
  }
  return place;
}

uint64_t bitsOf(const Encoding &encoding, const WeightSpec &spec) {
  return 8 * static_cast<uint64_t>(dense_bytes(format_of(encoding), spec.rows(), spec.columns()));
}

/// Of the matrices `of`, which are those of the layers that are not kept: `encodings` gets theirs. `spent`: bits of
/// those that are kept; `weights`: of all of the layers.
Status chooseMixed(const std::vector<QuantizableMatrix> &matrices, const std::vector<size_t> &of, uint64_t spent,
                   uint64_t weights, const QuantizeOptions &options, const WeightSource &source, int threads,
                   const std::function<void(uint64_t, uint64_t)> &onProgress, std::vector<Encoding> &encodings) {
  std::vector<Encoding> candidates = mixedEncodings();
  std::vector<WeightSpec> specs;
  specs.reserve(of.size());
  for (const size_t i : of)
    specs.push_back(matrices[i].spec);
  CADENZA_ASSIGN_OR_RETURN(const std::vector<std::vector<QuantizationError>> errors,
                           measureErrors(specs, candidates, source, threads, onProgress));
  candidates.emplace_back(Encoding::tiles16); // no error

  const std::vector<size_t> setOf = setsStoredAlike(matrices, of);
  std::map<size_t, std::vector<StorageChoice>> sets;
  for (size_t i = 0; i < of.size(); ++i) {
    std::vector<StorageChoice> &choices = sets.try_emplace(setOf[i], candidates.size()).first->second;
    for (size_t c = 0; c < candidates.size(); ++c) {
      choices[c].bits += bitsOf(candidates[c], specs[i]);
      if (c < errors[i].size())
        choices[c].error += errors[i][c].relative() * errors[i][c].relative();
    }
  }
  for (auto &[set, choices] : sets)
    for (StorageChoice &choice : choices)
      if (!std::isfinite(choice.error)) // scales beyond f16: 16 bits are better and take no more
        choice = {choices.back().bits, std::numeric_limits<double>::infinity()};
  std::vector<std::vector<StorageChoice>> choices;
  uint64_t least = spent;
  for (const auto &[set, of] : sets) {
    choices.push_back(of);
    least += std::ranges::min_element(of, {}, &StorageChoice::bits)->bits;
  }
  const auto budget = static_cast<uint64_t>(options.bits * static_cast<double>(weights));
  if (budget < least) {
    char text[120];
    std::snprintf(text, sizeof(text), "--bits=%g: these matrices take at least %.3f bits a weight, scales included",
                  options.bits, std::ceil(1000 * static_cast<double>(least) / static_cast<double>(weights)) / 1000);
    return {StatusCode::InvalidArgument, text};
  }
  CADENZA_ASSIGN_OR_RETURN(const std::vector<size_t> chosen, allocateBits(choices, budget - spent));
  std::map<size_t, Encoding> encodingOf;
  for (size_t number = 0; const auto &[set, unused] : sets)
    encodingOf[set] = candidates[chosen[number++]];
  for (size_t i = 0; i < of.size(); ++i)
    encodings[of[i]] = encodingOf.at(setOf[i]);
  return Status::ok();
}

} // namespace

std::vector<size_t> setsStoredAlike(const std::vector<QuantizableMatrix> &matrices, const std::vector<size_t> &of) {
  std::vector<size_t> set(of.size());
  std::iota(set.begin(), set.end(), 0);
  const auto join = [&](size_t a, size_t b) {
    std::ranges::replace(set, std::max(set[a], set[b]), std::min(set[a], set[b]));
  };
  std::map<std::string, size_t> places;
  std::map<int64_t, size_t> inputs;
  for (size_t i = 0; i < of.size(); ++i) {
    join(i, places.try_emplace(placeOf(matrices[of[i]].spec.role), i).first->second);
    join(i, inputs.try_emplace(matrices[of[i]].input, i).first->second);
  }
  return set;
}

Status check(const QuantizeOptions &options) {
  const auto invalid = [](std::string message) { return Status(StatusCode::InvalidArgument, std::move(message)); };
  if (options.type.empty()) {
    const char *unused = options.group != 0      ? "--group"
                         : options.bits != 0     ? "--bits"
                         : !options.head.empty() ? "--quantize-head"
                         : !options.keep.empty() ? "--keep"
                                                 : nullptr;
    return unused ? invalid(std::string(unused) + " goes with --quantize") : Status::ok();
  }
  if (!options.head.empty() && !matrixEncoding(options.head))
    return noEncoding("--quantize-head", options.head);
  if (!options.head.empty() && has_super_blocks(*matrixEncoding(options.head)))
    return superBlocks("--quantize-head", options.head);
  const bool isMixed = options.type == "mixed";
  if (isMixed && options.bits <= 0)
    return invalid("--quantize=mixed needs a budget, such as --bits=4.5");
  if (isMixed && options.group != 0)
    return invalid("--group does not go with --quantize=mixed, which chooses groups");
  if (!isMixed && options.bits != 0)
    return invalid("--bits goes with --quantize=mixed; --quantize=" + options.type + " has its own number of bits");
  return isMixed ? Status::ok() : layersEncoding(options).status();
}

StatusOr<std::vector<Encoding>> chooseEncodings(const std::vector<QuantizableMatrix> &matrices,
                                                const QuantizeOptions &options, const WeightSource &source, int threads,
                                                const std::function<void(uint64_t, uint64_t)> &onProgress) {
  CADENZA_RETURN_IF_ERROR(check(options));
  CADENZA_ASSIGN_OR_RETURN(const std::vector<bool> kept, keptOf(matrices, options.keep));
  std::vector<Encoding> encodings(matrices.size(), Encoding(Encoding::tiles16));
  std::vector<size_t> layers;
  uint64_t spent = 0, weights = 0; // of the layers
  for (size_t i = 0; i < matrices.size(); ++i) {
    const WeightSpec &spec = matrices[i].spec;
    if (!matrices[i].isHead)
      weights += static_cast<uint64_t>(spec.rows()) * static_cast<uint64_t>(spec.columns());
    if (kept[i])
      spent += bitsOf(Encoding::tiles16, spec);
    else if (matrices[i].isHead)
      encodings[i] = headEncoding(options);
    else
      layers.push_back(i);
  }
  if (options.type == "mixed") {
    CADENZA_RETURN_IF_ERROR(
        chooseMixed(matrices, layers, spent, weights, options, source, threads, onProgress, encodings));
    return encodings;
  }
  CADENZA_ASSIGN_OR_RETURN(const Encoding chosen, layersEncoding(options));
  for (const size_t i : layers)
    encodings[i] = chosen;
  return encodings;
}

} // namespace cadenza
