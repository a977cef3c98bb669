#include "compiler/schedule/persistent.h"

#include "codegen/kernels/shares.cuh"

#include <algorithm>

namespace cadenza {
namespace {

constexpr int64_t tileRows = 16, stepColumns = 32;

/// What a block can read of a layer's weights while the layer's chain of exchanges, hops and products takes its time:
/// on an H100 about 12 microseconds at 28 GB/s (docs/benchmarks/notes.md). Blocks that read less wait for the chain,
/// not for memory.
constexpr int64_t chainBytes = 336 << 10;

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

Status unsupported(const std::string &what) {
  return {StatusCode::Unsupported, "the persistent schedule " + what + "; --schedule=launch has no such limit"};
}

Status checkShape(const PersistentModel &m, const PersistentDevice &d) {
  const auto multiple = [](const char *what, int64_t value, int64_t of) {
    return value % of == 0 ? Status::ok()
                           : unsupported("needs " + std::string(what) + " that is a multiple of " + std::to_string(of) +
                                         ", not " + std::to_string(value));
  };
  CADENZA_RETURN_IF_ERROR(multiple("a head_dim", m.headDim, 16));
  CADENZA_RETURN_IF_ERROR(multiple("a hidden size", m.hidden, 16));
  CADENZA_RETURN_IF_ERROR(multiple("a feed-forward size", m.units, 8));
  CADENZA_RETURN_IF_ERROR(
      multiple("query heads of a KV head whose elements are together", m.heads / m.kvHeads * m.headDim, 32));
  if (m.kvHeads > d.groups)
    return unsupported("gives each KV head a group of multiprocessors: " + std::to_string(m.kvHeads) +
                       " KV heads, but only " + std::to_string(d.groups) + " groups of " + std::to_string(d.ranks));
  if (!d.clusters && m.hidden < tileRows * d.ranks) // what proves that packets may be written again
    return unsupported("without clusters gives each of " + std::to_string(d.ranks) +
                       " ranks rows of the residual stream, 16 at least: a hidden size of " + std::to_string(m.hidden) +
                       " is too small");
  if (ceilDiv(m.units, stepColumns) < d.groups)
    return unsupported("divides the feed-forward units over groups of multiprocessors in steps of 32: " +
                       std::to_string(m.units) + " units do not reach " + std::to_string(d.groups) + " groups");
  return Status::ok();
}

} // namespace

std::vector<int64_t> PersistentSchedule::columnGroups(Product product) const {
  if (product == Product::Down)
    return unitStarts;
  std::vector<int64_t> starts = {0};
  if (product == Product::Output)
    for (int64_t head = 1; head < model.kvHeads; ++head)
      starts.push_back(head * (model.heads / model.kvHeads * model.headDim / stepColumns));
  return starts;
}

BlockWork PersistentSchedule::work(Product product, int group, int rank, int64_t layer) const {
  const int64_t hiddenSteps = ceilDiv(model.hidden, stepColumns), hiddenTiles = model.hidden / tileRows;
  const int64_t queryRows = model.heads / model.kvHeads * model.headDim;
  const int64_t unitSteps = ceilDiv(model.units, stepColumns);
  const int64_t firstUnitStep = unitStarts[group];
  const int64_t groupSteps = (group + 1 < device.groups ? unitStarts[group + 1] : unitSteps) - firstUnitStep;
  const bool attends = group < model.kvHeads;
  const auto ofRank = [&](int64_t tiles) { return share(static_cast<int>(tiles), device.ranks, rank); };
  switch (product) {
  case Product::QueryKeyValue: {
    const Range rows = ofRank(attends ? (queryRows + 2 * model.headDim) / tileRows : 0);
    return {rows.first, rows.count, 0, hiddenSteps};
  }
  case Product::Output: {
    const Range rows = ofRank(attends ? hiddenTiles : 0);
    return {rows.first, rows.count, group * (queryRows / stepColumns), queryRows / stepColumns};
  }
  case Product::GateUp: {
    const int64_t tiles = std::min(4 * groupSteps, model.units / 8 - 4 * firstUnitStep);
    const Range rows = rotating_share(static_cast<int>(tiles), device.ranks, rank, static_cast<int>(layer));
    return {rows.first, rows.count, 0, hiddenSteps};
  }
  case Product::Down: {
    const Range rows = ofRank(hiddenTiles);
    return {rows.first, rows.count, firstUnitStep, groupSteps};
  }
  case Product::Head: {
    const Range rows =
        share(static_cast<int>(ceilDiv(model.vocabulary, tileRows)), blocks(), group * device.ranks + rank);
    return {rows.first, rows.count, 0, hiddenSteps};
  }
  }
  return {};
}

uint64_t PersistentSchedule::packetBytes() const {
  const int64_t rankRows = tileRows * ceilDiv(model.hidden / tileRows, device.ranks);
  const int64_t rankPackets = rankRows / 8 * stripe_packets;
  const int64_t exchange = 16 * (4 * blocks() * rankPackets + 2 * blocks());
  if (device.clusters)
    return static_cast<uint64_t>(exchange);
  const int64_t headGroup = model.heads / model.kvHeads, partFloats = (model.headDim + 2 + 3) / 4 * 4;
  int64_t groupSteps = 0; // the most
  for (int group = 0; group < device.groups; ++group)
    groupSteps = std::max(groupSteps, work(Product::Down, group, 0, 0).steps);
  const int hops = hop_packets_for(static_cast<int>(model.hidden), static_cast<int>((headGroup + 2) * model.headDim),
                                   static_cast<int>(device.ranks * headGroup * partFloats),
                                   static_cast<int>(stepColumns * groupSteps));
  return static_cast<uint64_t>(exchange + 16 * int64_t{device.groups} * hops + 4 * int64_t{blocks()});
}

int64_t normChunk(int64_t hidden, int64_t ranks) {
  int64_t chunk = 128;
  while (chunk > tileRows && (hidden % ranks != 0 || hidden / ranks % chunk != 0))
    chunk /= 2;
  return chunk;
}

StatusOr<PersistentSchedule> planPersistent(const PersistentModel &model, const PersistentDevice &device) {
  CADENZA_RETURN_IF_ERROR(checkShape(model, device));
  PersistentSchedule schedule;
  schedule.device = device;
  schedule.model = model;

  // A step of units costs 32 rows of gate, 32 of up and 32 columns of down; a KV head its rows and columns.
  const int64_t queryRows = model.heads / model.kvHeads * model.headDim;
  const int64_t headBytes = 2 * (2 * queryRows + 2 * model.headDim) * model.hidden;
  const int64_t stepBytes = 2 * 3 * stepColumns * model.hidden;
  const int64_t unitSteps = ceilDiv(model.units, stepColumns);
  const int64_t mean = (model.kvHeads * headBytes + unitSteps * stepBytes) / device.groups;
  const int64_t chain = chainBytes * device.ranks;
  const bool streamBound = mean >= chain;
  // If the memory bounds a layer, blocks that are late in it are to have the memory before others fill their rings for
  // the next one. If the chain does, fewer bytes in flight make it shorter.
  const int stage = schedule.stageBytes();
  schedule.inFlight =
      streamBound
          ? InFlight{.attention = 5 * stage, .kvGroup = 2 * stage, .others = 2 * stage, .context = 5 * stage,
                     .head = 2 * stage, .ahead = stage}
          : InFlight{.attention = 3 * stage / 2, .kvGroup = 3 * stage / 2, .others = stage / 2, .context = 3 * stage,
                     .head = 2 * stage, .ahead = 3 * stage};
  // What a group with a KV head has to read more than others: if the memory is what all wait for, until the
  // feed-forward half ends, that is what the others have in their rings when it begins.
  const int64_t more = streamBound ? device.sharedBytes * 3 / 4 * device.ranks : headBytes;
  const int64_t most = streamBound ? 0 : chain;
  // The next step goes to the group with the fewest among those that it does not make too heavy, else to the lightest.
  std::vector<int64_t> steps(device.groups, 1), bytes(device.groups, stepBytes);
  for (int64_t head = 0; head < model.kvHeads; ++head)
    bytes[head] += more;
  for (int64_t left = unitSteps - device.groups; left > 0; --left) {
    size_t next = device.groups;
    for (size_t group = 0; group < steps.size(); ++group)
      if (bytes[group] + stepBytes <= most && (next == steps.size() || steps[group] < steps[next]))
        next = group;
    if (next == steps.size())
      next = std::min_element(bytes.begin(), bytes.end()) - bytes.begin();
    ++steps[next];
    bytes[next] += stepBytes;
  }
  int64_t start = 0;
  for (int64_t count : steps) {
    schedule.unitStarts.push_back(start);
    start += count;
  }
  return schedule;
}

} // namespace cadenza
