#include "compiler/schedule/division.h"

#include "runtime/shared/shares.h"
#include "runtime/shared/weight_stages.h"

#include <algorithm>
#include <numeric>

namespace cadenza {
namespace {

constexpr int64_t tileRows = tile_rows, stepColumns = step_columns; // in 64 bits

/// What a block can read of a layer's weights while the layer's chain of exchanges, hops and products takes its time:
/// on an H100 about 12 microseconds at 28 GB/s (docs/benchmarks/notes.md). Blocks that read less wait for the chain,
/// not for memory.
constexpr int64_t chainBytes = 336 << 10;

constexpr int64_t mostStages = 32, hopBarriers = 7; // persistent_block.cuh

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t roundUp(int64_t a, int64_t b) { return ceilDiv(a, b) * b; }

/// Warps that share a chunk of positions (attend.cuh).
int64_t slicesOf(const LayerShape &m) { return attend_slices(static_cast<int>(m.headDim)); }

Status unsupported(const std::string &what) { return {StatusCode::Unsupported, what}; }

/// Steps of units that a group has at least: a tile of their rows a rank. The last step of the last
/// group may be a part of one.
struct LeastSteps {
  int64_t all, group, last;
  LeastSteps(const LayerShape &m, const PersistentDevice &d)
      : all(ceilDiv(m.units, stepColumns)), group(ceilDiv(m.tileUnits() * d.ranks, stepColumns)),
        last(ceilDiv(m.tileUnits() * d.ranks + all * stepColumns - m.units, stepColumns)) {}
};

/// Those for which there are units.
int64_t usableGroups(const LayerShape &m, const PersistentDevice &d) {
  const LeastSteps least(m, d);
  return least.all < least.last ? 0 : std::min<int64_t>(d.groups, 1 + (least.all - least.last) / least.group);
}

Status checkShape(const LayerShape &m, const PersistentDevice &d) {
  const auto multiple = [](const char *what, int64_t value, int64_t of) {
    return value % of == 0 ? Status::ok()
                           : unsupported("needs " + std::string(what) + " that is a multiple of " + std::to_string(of) +
                                         ", not " + std::to_string(value));
  };
  if (d.subgroups > 0 && (m.heads % m.queryGroups() != 0 || (m.subgroups > 1 && m.queryGroups() > usableGroups(m, d))))
    return unsupported(
        "divides the query heads of a KV head into equal subgroups, one a group of blocks at most: not " +
        std::to_string(m.heads) + " heads of " + std::to_string(m.kvHeads) + " KV heads into " +
        std::to_string(m.subgroups));
  CADENZA_RETURN_IF_ERROR(multiple("a head_dim", m.headDim, tileRows));
  CADENZA_RETURN_IF_ERROR(multiple("a hidden size", m.hidden, tileRows));
  CADENZA_RETURN_IF_ERROR(multiple("a feed-forward size", m.units, m.tileUnits()));
  CADENZA_RETURN_IF_ERROR(multiple("query heads of a KV head whose elements are together", m.queryRows(), stepColumns));
  const int64_t group = m.heads / m.queryGroups(), warpSets = attend_sets(static_cast<int>(group)),
                slices = slicesOf(m);
  if (d.warps % (warpSets * slices) != 0)
    return unsupported("divides the " + std::to_string(d.warps) +
                       " consumer warps of a block over sets of four query heads that share a KV head" +
                       (slices > 1 ? ", and over slices of 128 elements of a head: " : ": ") + std::to_string(group) +
                       " heads are " + std::to_string(warpSets) + " sets" +
                       (slices > 1 ? " of " + std::to_string(slices) + " slices" : "") + ", which do not divide them");
  const auto rows = [&](const char *what, int64_t value) {
    return value >= tileRows * d.ranks
               ? Status::ok()
               : unsupported("gives each of the " + std::to_string(d.ranks) + " blocks of a group 16 " + what +
                             " at least: " + std::to_string(value) + " are not enough");
  };
  CADENZA_RETURN_IF_ERROR(rows("rows of the residual stream", m.hidden));
  CADENZA_RETURN_IF_ERROR(rows("rows of the query, key and value of a query group", m.headRows()));
  if (usableGroups(m, d) == 0)
    return unsupported("gives each of the " + std::to_string(d.ranks) + " blocks of a group " +
                       std::to_string(m.tileUnits()) + " feed-forward units at least: " + std::to_string(m.units) +
                       " are not enough");
  return Status::ok();
}

/// Of a layer's weights: a query group costs its rows of q, k, v and its columns of the output projection, a step of
/// units 32 rows of gate and 32 of up, or 32 rows, and 32 columns of down. (The scales of rows are few and left out.)
struct LayerBytes {
  int64_t head, unitStep;
  explicit LayerBytes(const LayerShape &m)
      : head(bytesOf(m.encoding, m.headRows() * m.hidden) + bytesOf(m.outputEncoding, m.queryRows() * m.hidden)),
        unitStep(bytesOf(m.unitEncoding, m.unitRows * stepColumns * m.hidden) +
                 bytesOf(m.downEncoding, stepColumns * m.hidden)) {}

private:
  static int64_t bytesOf(const Encoding &encoding, int64_t weights) {
    const EncodingFormat format = format_of(encoding);
    const int64_t groups = format.grouped() ? weights / (format.group_steps * step_columns) : 0;
    return weight_bytes(format, weights) + groups * format.record_bytes() / tileRows;
  }
};

/// Query groups of a group.
int64_t headsOf(const LayerShape &m, int64_t groups, int64_t group) {
  const auto attend = static_cast<int>(std::min(m.queryGroups(), groups));
  return group < attend ? share(static_cast<int>(m.queryGroups()), attend, static_cast<int>(group)).count : 0;
}

/// What groups that share a context have to save in bytes of a block, which stand for time: each reads the chunks of
/// one of them instead of all. It pays for two exchanges, and for a kernel whose other parts are a little slower
/// (docs/benchmarks/notes.md).
constexpr int64_t sharedContextBytes = 704 << 10;

/// Whether groups that have the same KV head can share its positions: they can if there are as many as warps of a block
/// that take chunks in turn. Each takes the chunks of one of these, for all of their query heads, of which each has one
/// (attend.cuh).
bool canShare(const LayerShape &m, const PersistentDevice &device) {
  return m.subgroups > 1 && m.heads == m.queryGroups() && m.subgroups == device.warps / slicesOf(m) &&
         attend_sets(static_cast<int>(m.subgroups)) == 1;
}

/// From how many positions on that pays.
int64_t chooseShareFrom(const LayerShape &m, const PersistentDevice &device) {
  return ceilDiv(sharedContextBytes * device.ranks * m.subgroups, 4 * m.headDim * (m.subgroups - 1));
}

/// Query groups whose queries a group has: its own, or those of all groups with which it shares a context.
int64_t queriesOf(const LayerShape &m, const LayerDivision &division) {
  return division.shareFrom > 0 ? m.subgroups : headsOf(m, division.groups, 0);
}

/// What a layer costs, in bytes of a block, which stand for time: what all read, 3/4 of what a block reads for
/// attention beyond the first 64 KiB, since groups without attention wait for it, 6 KiB for each group whose sums are
/// collected. The constants are measured (docs/benchmarks/notes.md).
int64_t costOf(const LayerShape &m, const PersistentDevice &device) {
  const int64_t groups = usableGroups(m, device), blocks = std::max<int64_t>(1, groups * device.ranks);
  const LayerBytes bytes(m);
  const int64_t attention = headsOf(m, groups, 0) * bytes.head / device.ranks,
                all = m.queryGroups() * bytes.head + ceilDiv(m.units, stepColumns) * bytes.unitStep;
  return all / blocks + std::max<int64_t>(0, attention - (64 << 10)) * 3 / 4 +
         std::min(m.queryGroups(), groups) * (6 << 10);
}

/// Into how many query groups a KV head is divided, of those divisors for which there are groups and for which the
/// shape fits. More of them leave a group less of the attention part, for which the other groups wait, but each
/// computes the key and the value for itself, and there are more partial sums to collect. With several KV heads a group
/// nothing is divided.
int64_t chooseSubgroups(LayerShape m, const PersistentDevice &device) {
  const int64_t groups = usableGroups(m, device);
  int64_t best = 1, leastCost = INT64_MAX;
  for (const int64_t sharing = m.heads / m.kvHeads; m.subgroups <= sharing; ++m.subgroups) {
    if (sharing % m.subgroups != 0 || (m.subgroups > 1 && m.queryGroups() > groups) || !checkShape(m, device).isOk())
      continue;
    if (const int64_t cost = costOf(m, device); cost < leastCost) {
      leastCost = cost;
      best = m.subgroups;
    }
  }
  return best;
}

/// What exchanges of a layer through global memory cost more than those of clusters, in bytes of a block.
constexpr int64_t exchangeBytes = 48 << 10;

/// Steps of units of each group.
std::vector<int64_t> divideUnits(const LayerShape &m, const PersistentDevice &device, int64_t groups,
                                 bool memoryBound) {
  const LayerBytes layer(m);
  // What a group with a KV head has to read more than others: if the memory is what all wait for, until the
  // feed-forward half ends, that is what the others have in their rings when it begins, less what it then has itself:
  // measured, a quarter of the shared memory (docs/benchmarks/notes.md).
  const auto more = [&](int64_t group) -> int64_t {
    const int64_t heads = headsOf(m, groups, group);
    return memoryBound ? (heads > 0 ? device.sharedBytes / 4 * device.ranks : 0) : heads * layer.head;
  };
  const int64_t most = memoryBound ? 0 : chainBytes * device.ranks;
  const LeastSteps least(m, device);
  std::vector<int64_t> steps(groups, least.group), bytes;
  steps.back() = least.last;
  int64_t left = least.all;
  for (int64_t group = 0; group < groups; ++group) {
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

/// Where runs of these lengths start.
std::vector<int64_t> startsOf(const std::vector<int64_t> &counts) {
  std::vector<int64_t> starts(counts.size());
  std::exclusive_scan(counts.begin(), counts.end(), starts.begin(), int64_t{0});
  return starts;
}

/// Steps of feed-forward units that a group has, at most.
int64_t mostUnitSteps(const LayerShape &m, const LayerDivision &division) {
  int64_t most = 0;
  for (size_t group = 0; group < division.unitStarts.size(); ++group) {
    const bool last = group + 1 == division.unitStarts.size();
    const int64_t end = last ? ceilDiv(m.units, stepColumns) : division.unitStarts[group + 1];
    most = std::max(most, end - division.unitStarts[group]);
  }
  return most;
}

/// Sums of squares of the norms of all heads together.
int64_t headSums(const LayerShape &m) { return m.normedRows / headNormChunk(m.headDim); }

/// f32 elements of one head's part of the context: a vector, its maximum and its sum.
int64_t partFloats(const LayerShape &m) { return m.headDim + 2; }

/// Of a group without clusters.
int64_t hopPackets(const LayerShape &m, const LayerDivision &division, const PersistentDevice &device) {
  const int64_t groupHeads = headsOf(m, division.groups, 0), headGroup = m.heads / m.queryGroups();
  return hop_packets_for(static_cast<int>(m.hidden), static_cast<int>(m.normSums), static_cast<int>(m.partNorms),
                         static_cast<int>(groupHeads * m.headRows()),
                         static_cast<int>(device.ranks * groupHeads * headGroup * roundUp(partFloats(m), 4)),
                         static_cast<int>(stepColumns * mostUnitSteps(m, division)));
}

/// Stages of the ring that fit into a block, or an error if that is not enough.
StatusOr<int> stagesOf(const LayerShape &m, const LayerDivision &division, const PersistentDevice &device) {
  const int64_t before = ringOffset(m, division, device), stage = division.stageBytes;
  const int64_t stages = std::clamp<int64_t>((device.sharedBytes - before) / stage, 0, mostStages);
  if (stages < 2)
    return unsupported("needs " + std::to_string(before + 2 * stage) +
                       " bytes of shared memory in a block, more than " + std::to_string(device.sharedBytes));
  return static_cast<int>(stages);
}

} // namespace

int64_t ringOffset(const LayerShape &m, const LayerDivision &division, const PersistentDevice &device) {
  const int64_t pairColumns = 2 * turn_steps * stepColumns;                          // stream_project.cuh
  const auto scratchFloats = [](int64_t rows) { return roundUp(rows / 8, 4) + 72; }; // tile.cuh
  const int64_t heads = headsOf(m, division.groups, 0), headGroup = m.heads / m.queryGroups(),
                queries = heads * m.queryRows(), units = stepColumns * mostUnitSteps(m, division),
                unitTiles = ceilDiv(units / stripe_rows, device.ranks),
                rankRows = tileRows * ceilDiv(m.hidden / tileRows, device.ranks),
                setWarps = device.warps / attend_sets(static_cast<int>(headGroup)) / slicesOf(m);
  const int64_t vectors = 2 * roundUp(m.hidden, pairColumns) +
                          4 * (m.normSums + m.partNorms) * roundUp(ceilDiv(m.hidden, 16), 4) +
                          2 * roundUp(queries, pairColumns) + 2 * roundUp(units, pairColumns);
  const int64_t rows = 4 * heads * (m.headRows() + m.headDim) + 4 * queriesOf(m, division) * m.queryRows() +
                       4 * 2 * stripe_rows * unitTiles;
  const int64_t scratch = 4 * std::max(3 * scratchFloats(queries), scratchFloats(stripe_rows * unitTiles));
  const int64_t parts = roundUp(vectors + rows + scratch, 16);
  const int64_t warpParts = parts + 4 * device.ranks * heads * headGroup * roundUp(partFloats(m), 4);
  const int64_t ofWarps =
      attend_floats(static_cast<int>(setWarps), static_cast<int>(headGroup), static_cast<int>(m.headDim));
  const int64_t partial = std::max<int64_t>(ofWarps, roundUp(headSums(m), 4));
  const int64_t scores = division.shareFrom > 0 ? share_floats_for(device.warps) : 0;
  const int64_t table = std::max(warpParts + 4 * (partial + scores), parts + 4 * rankRows);
  const int64_t barriers = roundUp(table + 8 * m.tableWords, 16);
  return roundUp(barriers + 8 * (2 * mostStages + hopBarriers + m.partNorms) + (device.traced ? 16 : 0), 128);
}

uint64_t packetBytes(const LayerShape &m, const LayerDivision &division, const PersistentDevice &device,
                     int64_t parts) {
  const int64_t blocks = int64_t{division.groups} * device.ranks;
  const int64_t rankRows = tileRows * ceilDiv(m.hidden / tileRows, device.ranks);
  const int64_t rankPackets = rankRows / stripe_rows * stripe_packets;
  int64_t bytes = 16 * (2 * parts * blocks * rankPackets + 2 * blocks + parts * device.ranks * headSums(m));
  if (!device.clusters)
    bytes += 16 * int64_t{division.groups} * hopPackets(m, division, device) + 4 * blocks;
  if (division.shareFrom > 0)
    bytes = roundUp(bytes, 16) + 16 * parts * m.queryGroups() * device.ranks *
                                     share_packets_for(static_cast<int>(m.queryRows()), static_cast<int>(m.headDim),
                                                       static_cast<int>(m.subgroups));
  return static_cast<uint64_t>(bytes);
}

int64_t normChunk(int64_t hidden, int64_t ranks) {
  int64_t chunk = 128;
  while (chunk > tileRows && (hidden % ranks != 0 || hidden / ranks % chunk != 0))
    chunk /= 2;
  return chunk;
}

int64_t headNormChunk(int64_t headDim) { return std::min<int64_t>(128, headDim & -headDim); }

StatusOr<LayerDivision> divide(const LayerShape &given, const PersistentDevice &device) {
  LayerShape shape = given;
  shape.subgroups = device.subgroups > 0 ? device.subgroups : chooseSubgroups(given, device);
  CADENZA_RETURN_IF_ERROR(checkShape(shape, device));
  LayerDivision division;
  division.subgroups = shape.subgroups;
  division.groups = static_cast<int>(usableGroups(shape, device));
  const LayerBytes bytes(shape);
  division.memoryBound = shape.queryGroups() * bytes.head + ceilDiv(shape.units, stepColumns) * bytes.unitStep >=
                         chainBytes * division.groups * device.ranks;
  // If the memory bounds a layer, two stages in flight serve everyone best, also while a ring fills ahead of a layer
  // (docs/benchmarks/notes.md). If the chain does, fewer bytes in flight make it shorter.
  int stage = static_cast<int>(4 * attend_positions * shape.headDim);
  for (const Encoding &encoding :
       {shape.encoding, shape.outputEncoding, shape.unitEncoding, shape.downEncoding, shape.headEncoding})
    stage = std::max(stage, stage_bytes_of(format_of(encoding), device.warps));
  division.stageBytes = stage;
  division.inFlight = division.memoryBound ? InFlight{.attention = 5 * stage,
                                                      .kvGroup = 2 * stage,
                                                      .others = 2 * stage,
                                                      .context = 5 * stage,
                                                      .head = 2 * stage,
                                                      .kvGroupAhead = 2 * stage,
                                                      .othersAhead = 2 * stage}
                                           : InFlight{.attention = 3 * stage / 2,
                                                      .kvGroup = 3 * stage / 2,
                                                      .others = stage / 2,
                                                      .context = 3 * stage,
                                                      .head = 2 * stage,
                                                      .kvGroupAhead = 3 * stage,
                                                      .othersAhead = 3 * stage};
  std::vector<int64_t> heads;
  for (int64_t group = 0; headsOf(shape, division.groups, group) > 0; ++group)
    heads.push_back(headsOf(shape, division.groups, group));
  division.headStarts = startsOf(heads);
  division.unitStarts = startsOf(divideUnits(shape, device, division.groups, division.memoryBound));
  CADENZA_ASSIGN_OR_RETURN(division.stages, stagesOf(shape, division, device));
  return division;
}

PersistentDevice chooseClusters(const LayerShape &shape, const PersistentDevice &device) {
  PersistentDevice without = device;
  without.groups = device.groupsWithoutClusters;
  without.clusters = false;
  // While some groups attend, the rings of the others are full and wait. Of 16-bit weights the memory hides that: what
  // the rings hold is then multiplied faster than it comes. Codes are not.
  if (!device.clusters || without.groups <= device.groups || shape.unitEncoding == Encoding::tiles16)
    return device;
  const auto cost = [&](const PersistentDevice &on) {
    LayerShape divided = shape;
    divided.subgroups = on.subgroups > 0 ? on.subgroups : chooseSubgroups(shape, on);
    return checkShape(divided, on).isOk() ? costOf(divided, on) : INT64_MAX;
  };
  const int64_t least = cost(without);
  return least < INT64_MAX && least + exchangeBytes < cost(device) ? without : device;
}

StatusOr<std::optional<LayerDivision>> shareContext(const LayerShape &shape, const LayerDivision &division,
                                                    const PersistentDevice &device) {
  const auto no = [&](const Status &why) -> StatusOr<std::optional<LayerDivision>> {
    if (device.shareFrom > 0) // somebody asked
      return why;
    return std::optional<LayerDivision>();
  };
  if (!canShare(shape, device))
    return no(unsupported("shares a context among " + std::to_string(device.warps / slicesOf(shape)) +
                          " groups with the same KV head and one query head each, not among " +
                          std::to_string(shape.subgroups) + " with " +
                          std::to_string(shape.heads / shape.queryGroups())));
  LayerDivision shared = division;
  shared.shareFrom = device.shareFrom > 0 ? device.shareFrom : chooseShareFrom(shape, device);
  if (shared.shareFrom > shape.longest)
    return no(unsupported("has no context of " + std::to_string(shared.shareFrom) +
                          " positions to share: a layer attends to " + std::to_string(shape.longest) + " at most"));
  const StatusOr<int> stages = stagesOf(shape, shared, device);
  if (!stages.isOk())
    return no(stages.status());
  shared.stages = *stages;
  return std::optional<LayerDivision>(std::move(shared));
}

} // namespace cadenza
