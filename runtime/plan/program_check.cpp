#include "runtime/plan/program_check.h"

#include "runtime/plan/format.h"
#include "runtime/plan/program_names.h"
#include "runtime/support/checked.h"

#include <algorithm>
#include <cctype>
#include <set>

namespace cadenza {
namespace {

constexpr uint64_t maximumBuffer = uint64_t(1) << 40; // no activation is near this
constexpr uint64_t maximumMemory = uint64_t(1) << 56; // sums of sizes below it cannot overflow
constexpr uint32_t maximumSharedBytes = 256 << 10;
constexpr uint32_t maximumCluster = 8; // on any GPU that has clusters

std::string text(uint64_t value) { return std::to_string(value); }

/// A tensor is one token of as many elements as its shape has, each extent of which is below 2^31.
void checkTensorEdge(const Edge &edge, const std::string &path, FieldErrors &errors) {
  if (edge.tokens != 1)
    errors.add(path + ".tokens", text(edge.tokens) + "; a tensor is one");
  if (checked::byteSize(*edge.shape, 1) != static_cast<uint64_t>(edge.elements))
    errors.add(path + ".shape", nn::text(*edge.shape) + " is not a shape of " + text(edge.elements) + " elements");
}

void checkEdges(const Program &program, FieldErrors &errors) {
  if (program.arenaBytes > maximumBuffer)
    errors.add("program.arena_bytes", text(program.arenaBytes) + "; at most " + text(maximumBuffer));
  for (size_t i = 0; i < program.edges.size(); ++i) {
    const Edge &edge = program.edges[i];
    const std::string path = at("program.edges", i);
    if (edge.shape)
      checkTensorEdge(edge, path, errors);
    else if (!isActivation(edge.dtype))
      errors.add(path + ".dtype", std::string(dtypeName(edge.dtype)) + " is not a type of activations");
    if (edge.offset % edgeAlignment != 0)
      errors.add(path + ".offset", text(edge.offset) + " is not a multiple of " + text(edgeAlignment));
    const uint64_t bytes = edgeBytes(edge); // of factors below 2^31 and 2^34
    if (bytes > maximumBuffer || !checked::inBounds(edge.offset, bytes, program.arenaBytes))
      errors.add(path, text(bytes) + " bytes at " + text(edge.offset) + " do not fit the arena of " +
                           text(program.arenaBytes));
  }
}

/// Weights lie one after the other without holes, so no two share bytes.
void checkWeights(const Program &program, FieldErrors &errors) {
  uint64_t end = 0;
  for (size_t i = 0; i < program.weights.size(); ++i) {
    const Weight &weight = program.weights[i];
    const std::string path = at("program.weights", i);
    const std::string name = encodingName(weight.encoding);
    const bool matrix = format_of(weight.encoding).matrix(), tensor = weight.encoding == Encoding::tensor;
    if (tensor && checked::byteSize(weight.shape, 1) != static_cast<uint64_t>(weight.rows))
      errors.add(path + ".shape", nn::text(weight.shape) + " is not a shape of " + text(weight.rows) + " elements");
    if (!tensor && !weight.shape.empty())
      errors.add(path + ".shape", "only a tensor has one");
    const bool fits = matrix ? weight.dtype == DType::bf16 || weight.dtype == DType::f16 : weight.dtype == DType::f32;
    if (!fits && !tensor)
      errors.add(path + ".dtype", std::string(dtypeName(weight.dtype)) + " in encoding " + name +
                                      (matrix ? "; expected bf16 or f16" : "; expected f32"));
    if (!matrix && weight.columns != 1)
      errors.add(path + ".columns", text(weight.columns) + "; expected 1 in encoding " + name);
    if (weight.encoding != Encoding::rope_table && weight.scale != 1)
      errors.add(path + ".scale", "only a rope table has one; expected 1");
    if (weight.longAfter != 0 && weight.encoding != Encoding::rope_table)
      errors.add(path + ".long_after", "only a rope table has one; expected 0");
    if (weight.longAfter != 0 && weight.longAfter != longAfter(program))
      errors.add(path + ".long_after", text(weight.longAfter) + "; another table has " + text(longAfter(program)));
    if (weight.growth.every != 0 && weight.encoding != Encoding::rope_table)
      errors.add(path + ".growth", "only a rope table has one");
    if (weight.growth.every != 0 && !(weight.growth.rate > 0))
      errors.add(path + ".growth.rate", "is not positive");
    if (weight.bytes != storedBytes(weight))
      errors.add(path + ".bytes",
                 text(weight.bytes) + "; its shape takes " + text(storedBytes(weight)) + " in encoding " + name);
    const auto expected = checked::alignUp(end, weightAlignment);
    if (!expected || weight.offset != *expected)
      errors.add(path + ".offset", text(weight.offset) + "; expected " + text(expected.value_or(0)));
    const auto next = checked::add(weight.offset, weight.bytes);
    if (!next || *next > maximumMemory)
      return errors.add(path + ".bytes", text(weight.bytes) + " are more than any memory holds");
    end = *next;
  }
}

bool alike(const Weight &a, const Weight &b) {
  // A layer without RoPE, whose table is all zeros, has neither another layer's scale nor its longAfter.
  return a.encoding == b.encoding && a.dtype == b.dtype && a.rows == b.rows && a.columns == b.columns &&
         a.shape == b.shape;
}

bool alike(const Cache &a, const Cache &b) {
  return a.dtype == b.dtype && a.kvHeads == b.kvHeads && a.headDim == b.headDim;
}

bool alike(const Scalar &, const Scalar &) { return true; }

template <typename Entry>
void checkTables(const std::vector<Table> &tables, const std::vector<Entry> &entries, const std::string &what,
                 const std::string &path, FieldErrors &errors) {
  for (size_t i = 0; i < tables.size(); ++i) {
    if (tables[i].empty())
      errors.add(at(path, i), "is empty");
    for (size_t j = 0; j < tables[i].size(); ++j) {
      const std::string place = at(at(path, i), j);
      if (!checkIndex(tables[i][j], entries.size(), what, place, errors))
        return;
      if (!alike(entries[tables[i][j]], entries[tables[i][0]]))
        errors.add(place, "'" + entries[tables[i][j]].name + "' has another type or shape than '" +
                              entries[tables[i][0]].name + "'");
    }
  }
}

/// Caches, expanded rope tables and scratch at the longest context: what an executor computes sizes of.
void checkMemory(const Program &program, FieldErrors &errors) {
  uint64_t total = 0;
  const auto count = [&](std::initializer_list<int64_t> shape, uint64_t size, const std::string &path) {
    const auto bytes = checked::byteSize(shape, size);
    const auto sum = bytes ? checked::add(total, *bytes) : std::nullopt;
    if (!sum || *sum > maximumMemory)
      errors.add(path, "needs more than any memory holds");
    else
      total = *sum;
  };
  const int64_t context = program.decoder ? program.decoder->maxContext : 0; // without one, nothing depends on it
  for (size_t i = 0; i < program.caches.size(); ++i) {
    const Cache &cache = program.caches[i];
    if (!isActivation(cache.dtype))
      errors.add(at("program.caches", i) + ".dtype", std::string(dtypeName(cache.dtype)) + " is not a type of caches");
    count({2, cache.kvHeads, cachePositions(cache, context), cache.headDim}, dtypeSize(cache.dtype),
          at("program.caches", i));
  }
  for (size_t i = 0; i < program.weights.size(); ++i) {
    if (program.weights[i].encoding == Encoding::rope_table)
      count({2, context, program.weights[i].rows}, sizeof(float), at("program.weights", i));
  }
  for (size_t i = 0; i < program.scratch.size(); ++i) {
    const std::string path = at("program.scratch", i) + ".bytes";
    if (program.scratch[i].bytes == 0 || program.scratch[i].bytes > maximumBuffer)
      errors.add(path, text(program.scratch[i].bytes) + "; expected 1 to " + text(maximumBuffer));
    else
      count({static_cast<int64_t>(program.scratch[i].bytes)}, 1, path);
  }
}

bool isIdentifier(const std::string &name) {
  return !name.empty() && !std::isdigit(static_cast<unsigned char>(name[0])) &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return c == '_' || (c < 0x80 && std::isalnum(c)); });
}

/// Returns their names.
std::set<std::string_view> checkKernels(const Program &program, FieldErrors &errors) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < program.kernels.size(); ++i) {
    const Kernel &kernel = program.kernels[i];
    const std::string path = at("program.kernels", i);
    if (!isIdentifier(kernel.name))
      errors.add(path + ".name", "'" + kernel.name + "' is not an identifier");
    if (!names.insert(kernel.name).second)
      errors.add(path + ".name", "'" + kernel.name + "' occurs twice");
    if (kernel.threads % 32 != 0 || kernel.threads > 1024)
      errors.add(path + ".threads", text(kernel.threads) + "; expected a multiple of 32 up to 1024");
    if (kernel.sharedBytes > maximumSharedBytes)
      errors.add(path + ".shared_bytes", text(kernel.sharedBytes) + "; at most " + text(maximumSharedBytes));
    if (kernel.cluster == 0 || kernel.cluster > maximumCluster || kernel.blocks % kernel.cluster != 0)
      errors.add(path + ".cluster", text(kernel.cluster) + "; expected a divisor of its " + text(kernel.blocks) +
                                        " blocks, " + text(maximumCluster) + " at most");
    checkTargets(kernel.targets, path + ".targets", errors);
  }
  return names;
}

} // namespace

void checkTargets(const std::vector<std::string> &targets, const std::string &path, FieldErrors &errors) {
  if (targets.size() > format::maximumSections)
    errors.add(path, text(targets.size()) + "; at most " + text(format::maximumSections));
  else if (std::set<std::string_view>(targets.begin(), targets.end()).size() != targets.size())
    errors.add(path, "names one twice");
}

void checkProgram(const Program &program, FieldErrors &errors) {
  checkEdges(program, errors);
  checkWeights(program, errors);
  checkTables(program.weightTables, program.weights, "weight", "program.weight_tables", errors);
  checkTables(program.cacheTables, program.caches, "cache", "program.cache_tables", errors);
  checkTables(program.scalarTables, program.scalars, "scalar", "program.scalar_tables", errors);
  checkMemory(program, errors);
  const auto kernels = checkKernels(program, errors);
  checkEntries(program, kernels, errors);
  if (errors.none())
    checkDecoder(program, errors);
  if (errors.none())
    checkDivisions(program, kernels, errors);
}

} // namespace cadenza
