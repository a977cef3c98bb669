#include "compiler/schedule/persistent.h"

#include "runtime/shared/shares.h"

#include <algorithm>

namespace cadenza {
namespace {

constexpr int64_t tileRows = tile_rows, stepColumns = step_columns; // in 64 bits

/// What a block can read of a layer's weights while the layer's chain of exchanges, hops and products takes its time:
/// on an H100 about 12 microseconds at 28 GB/s (docs/benchmarks/notes.md). Blocks that read less wait for the chain,
/// not for memory.
constexpr int64_t chainBytes = 336 << 10;

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

Status unsupported(const std::string &what) {
  return {StatusCode::Unsupported, "the persistent schedule " + what + "; --schedule=launch has no such limit"};
}

/// Of a KV head: rows of its queries; of these, its key and its value.
int64_t queryRowsOf(const PersistentModel &m) { return m.heads / m.kvHeads * m.headDim; }
int64_t headRowsOf(const PersistentModel &m) { return queryRowsOf(m) + 2 * m.headDim; }

/// Steps of units that a group has at least: eight units, a tile of gate and up, a rank. The last step of the last
/// group may be a part of one.
struct LeastSteps {
  int64_t all, group, last;
  LeastSteps(const PersistentModel &m, const PersistentDevice &d)
      : all(ceilDiv(m.units, stepColumns)), group(ceilDiv(stripe_rows * d.ranks, stepColumns)),
        last(ceilDiv(stripe_rows * d.ranks + all * stepColumns - m.units, stepColumns)) {}
};

/// Those for which there are units.
int64_t usableGroups(const PersistentModel &m, const PersistentDevice &d) {
  const LeastSteps least(m, d);
  return least.all < least.last ? 0 : std::min<int64_t>(d.groups, 1 + (least.all - least.last) / least.group);
}

Status checkShape(const PersistentModel &m, const PersistentDevice &d) {
  const auto multiple = [](const char *what, int64_t value, int64_t of) {
    return value % of == 0 ? Status::ok()
                           : unsupported("needs " + std::string(what) + " that is a multiple of " + std::to_string(of) +
                                         ", not " + std::to_string(value));
  };
  CADENZA_RETURN_IF_ERROR(multiple("a head_dim", m.headDim, tileRows));
  CADENZA_RETURN_IF_ERROR(multiple("a hidden size", m.hidden, tileRows));
  CADENZA_RETURN_IF_ERROR(multiple("a feed-forward size", m.units, stripe_rows));
  CADENZA_RETURN_IF_ERROR(
      multiple("query heads of a KV head whose elements are together", queryRowsOf(m), stepColumns));
  const int64_t group = m.heads / m.kvHeads, warpSets = ceilDiv(group, 4); // launch_geometry.h: four heads a warp
  if (d.warps % warpSets != 0)
    return unsupported("divides the " + std::to_string(d.warps) +
                       " consumer warps of a block over sets of four query heads " +
                       "of a KV head: " + std::to_string(group) + " heads are " + std::to_string(warpSets) +
                       " sets, which do not divide them");
  const auto rows = [&](const char *what, int64_t value) {
    return value >= tileRows * d.ranks
               ? Status::ok()
               : unsupported("gives each of the " + std::to_string(d.ranks) + " blocks of a group 16 " + what +
                             " at least: " + std::to_string(value) + " are not enough");
  };
  CADENZA_RETURN_IF_ERROR(rows("rows of the residual stream", m.hidden));
  CADENZA_RETURN_IF_ERROR(rows("rows of the query, key and value of a KV head", headRowsOf(m)));
  if (usableGroups(m, d) == 0)
    return unsupported("gives each of the " + std::to_string(d.ranks) +
                       " blocks of a group 8 feed-forward units at least: " + std::to_string(m.units) +
                       " are not enough");
  return Status::ok();
}

/// Of a layer's weights: a KV head costs its rows of q, k, v and its columns of the output projection, a step of units
/// 32 rows of gate, 32 of up and 32 columns of down. (The scales of an encoding are few and left out.)
struct LayerBytes {
  int64_t head, unitStep;
  explicit LayerBytes(const PersistentModel &m)
      : head(weight_bytes(format_of(m.encoding), (headRowsOf(m) + queryRowsOf(m)) * m.hidden)),
        unitStep(weight_bytes(format_of(m.encoding), 3 * stepColumns * m.hidden)) {}
};

/// Steps of units of each group.
std::vector<int64_t> divideUnits(const PersistentSchedule &schedule) {
  const PersistentDevice &device = schedule.device;
  const LayerBytes layer(schedule.model);
  // What a group with a KV head has to read more than others: if the memory is what all wait for, until the
  // feed-forward half ends, that is what the others have in their rings when it begins.
  const auto more = [&](int group) -> int64_t {
    const int heads = schedule.headsOf(group).count;
    return schedule.memoryBound() ? (heads > 0 ? device.sharedBytes * 3 / 4 * device.ranks : 0) : heads * layer.head;
  };
  const int64_t most = schedule.memoryBound() ? 0 : chainBytes * device.ranks;
  const LeastSteps least(schedule.model, device);
  std::vector<int64_t> steps(device.groups, least.group), bytes;
  steps.back() = least.last;
  int64_t left = least.all;
  for (int group = 0; group < device.groups; ++group) {
    left -= steps[group];
    bytes.push_back(steps[group] * layer.unitStep + more(group));
  }
  // The next step goes to the group with the fewest among those that it does not make too heavy, else to the lightest.
  for (; left > 0; --left) {
    size_t next = steps.size();
    for (size_t group = 0; group < steps.size(); ++group)
      if (bytes[group] + layer.unitStep <= most && (next == steps.size() || steps[group] < steps[next]))
        next = group;
    if (next == steps.size())
      next = std::min_element(bytes.begin(), bytes.end()) - bytes.begin();
    ++steps[next];
    bytes[next] += layer.unitStep;
  }
  return steps;
}

} // namespace

bool PersistentSchedule::memoryBound() const {
  const LayerBytes bytes(model);
  return model.kvHeads * bytes.head + ceilDiv(model.units, stepColumns) * bytes.unitStep >= chainBytes * blocks();
}

std::vector<int64_t> PersistentSchedule::columnGroups(Product product) const {
  if (product == Product::Down)
    return unitStarts;
  std::vector<int64_t> starts = {0};
  if (product == Product::Output)
    for (int group = 1; group < attentionGroups(); ++group)
      starts.push_back(headsOf(group).first * (queryRowsOf(model) / stepColumns));
  return starts;
}

BlockWork PersistentSchedule::work(Product product, int group, int rank, int64_t layer) const {
  const int64_t hiddenSteps = ceilDiv(model.hidden, stepColumns), hiddenTiles = model.hidden / tileRows;
  const int64_t querySteps = queryRowsOf(model) / stepColumns;
  const int64_t unitSteps = ceilDiv(model.units, stepColumns);
  const int64_t firstUnitStep = unitStarts[group];
  const int64_t groupSteps = (group + 1 < device.groups ? unitStarts[group + 1] : unitSteps) - firstUnitStep;
  const Range heads = headsOf(group);
  const auto ofRank = [&](int64_t tiles) { return share(static_cast<int>(tiles), device.ranks, rank); };
  switch (product) {
  case Product::QueryKeyValue: {
    const Range rows = ofRank(heads.count * headRowsOf(model) / tileRows);
    return {rows.first, rows.count, 0, hiddenSteps};
  }
  case Product::Output: {
    const Range rows = ofRank(heads.count > 0 ? hiddenTiles : 0);
    return {rows.first, rows.count, heads.first * querySteps, heads.count * querySteps};
  }
  case Product::GateUp: {
    const int64_t tiles = std::min(4 * groupSteps, model.units / stripe_rows - 4 * firstUnitStep);
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
  const int64_t rankPackets = rankRows / stripe_rows * stripe_packets;
  const int64_t exchange = 16 * (4 * blocks() * rankPackets + 2 * blocks());
  if (device.clusters)
    return static_cast<uint64_t>(exchange);
  const int64_t groupHeads = headsOf(0).count, headGroup = model.heads / model.kvHeads,
                partFloats = (model.headDim + 2 + 3) / 4 * 4;
  int64_t groupSteps = 0; // the most
  for (int group = 0; group < device.groups; ++group)
    groupSteps = std::max(groupSteps, work(Product::Down, group, 0, 0).steps);
  const int hops = hop_packets_for(static_cast<int>(model.hidden), static_cast<int>(groupHeads * headRowsOf(model)),
                                   static_cast<int>(device.ranks * groupHeads * headGroup * partFloats),
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
  schedule.device.groups = static_cast<int>(usableGroups(model, device));
  schedule.model = model;
  // If the memory bounds a layer, blocks with a KV head that are through with it leave the memory to those that are
  // not; the others, if they do the same, gain nothing (docs/benchmarks/notes.md). If the chain does, fewer bytes in
  // flight make it shorter.
  const int stage = schedule.stageBytes();
  schedule.inFlight = schedule.memoryBound() ? InFlight{.attention = 5 * stage,
                                                        .kvGroup = 2 * stage,
                                                        .others = 2 * stage,
                                                        .context = 5 * stage,
                                                        .head = 2 * stage,
                                                        .kvGroupAhead = stage,
                                                        .othersAhead = 2 * stage}
                                             : InFlight{.attention = 3 * stage / 2,
                                                        .kvGroup = 3 * stage / 2,
                                                        .others = stage / 2,
                                                        .context = 3 * stage,
                                                        .head = 2 * stage,
                                                        .kvGroupAhead = 3 * stage,
                                                        .othersAhead = 3 * stage};
  int64_t start = 0;
  for (int64_t count : divideUnits(schedule)) {
    schedule.unitStarts.push_back(start);
    start += count;
  }
  return schedule;
}

} // namespace cadenza
