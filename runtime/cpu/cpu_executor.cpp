#include "runtime/cpu/cpu_executor.h"
#include "runtime/cpu/entry.h"
#include "runtime/cpu/machine.h"
#include "runtime/decode/cache_fill.h"
#include "runtime/decode/sequence.h"
#include "runtime/decode/sequence_sampling.h"
#include "runtime/plan/plan.h"
#include "runtime/support/checked.h"

#include <algorithm>
#include <new>

namespace cadenza {
namespace cpu {
namespace {

Status error(StatusCode code, std::string message) { return {code, std::move(message)}; }

class ExecutorImpl final : public CpuExecutor {
public:
  /// `division`: the name of the one whose order of sums `program` has, if it has one's.
  ExecutorImpl(Program program, std::span<const std::byte> weights, int64_t context, const ExecutorOptions &options,
               std::string division, int threads)
      : machine_(std::move(program), weights, context, options.logits, threads),
        sequence_(machine_.program, context, options.prefill), division_(std::move(division)) {}

  Status bind();

  const Program &program() const override { return machine_.program; }
  int64_t context() const override { return machine_.context; }
  MemoryUse memory() const override { return machine_.memoryUse(); }
  std::string deviceName() const override { return "cpu"; }
  std::string divisionName() const override { return division_; }

  using Executor::begin;
  Status begin(std::span<const int32_t> prompt, std::span<const int32_t> stopTokens, int64_t kept) override;
  Status sample(const SequenceSampling &sampling) override;
  Status updateRows(std::span<const RowHistory> rows) override;
  int64_t keepable(int64_t wanted, int64_t length) const override { return sequence_.keepable(wanted, length); }
  uint64_t sequenceNumber() const override { return sequence_.number(); }
  CacheState cacheState() const override { return sequence_.cacheState(); }
  Status readCache(const CachePart &part, std::span<std::byte> out) override;
  Status writeCache(const CachePart &part, std::span<const std::byte> bytes) override;
  Status restore(const CacheState &state) override;
  Status enqueueStep(bool withHead) override { return step(withHead, {}); }
  std::span<const int64_t> tileSizes() const override { return sequence_.tileSizes(); }
  Status enqueueTile(int64_t size, bool withHead) override;
  Status runTileWithLogits(int64_t size, const LogitsRow &row) override;
  StatusOr<int32_t> awaitToken(int64_t position) override;
  Status synchronize() override { return Status::ok(); } // a queued step has run
  StatusOr<std::span<const float>> logits() override;
  Status stepWithVisitor(const PhaseVisitor &visitor) override {
    return step(true,
                [&](const PhaseOutput &computed, std::span<const std::span<float>>) { return visitor(computed); });
  }
  Status stepWithEditor(const PhaseEditor &editor) override { return step(true, editor); }
  Status fillCache(int64_t length, uint64_t seed) override;

private:
  Status step(bool withHead, const PhaseEditor &editor);
  Status checkLogits() const {
    return machine_.logits.empty()
               ? error(StatusCode::InvalidArgument, "the executor was made without ExecutorOptions::logits")
               : Status::ok();
  }
  Status show(PhaseOutput where, const BoundPhase &phase, const PhaseEditor &editor);
  /// `length`: how long the sequence is at least.
  void restart(int64_t position, int64_t forcedTokens, int64_t length);

  /// A prefill entry. Its phase `last` reads a token of one edge and writes the other.
  struct Tile {
    BoundEntry entry;
    size_t headBlock = 0;
    uint32_t allTokens = 0, lastToken = 0; // edges
  };
  StatusOr<Tile> bindTile(uint32_t entry);
  /// That of a size that there is.
  Tile &tile(int64_t size);
  /// All but its head, for the first `live` tokens.
  Status runLayers(Tile &tile, int64_t live);

  Machine machine_;
  BoundEntry step_;
  std::vector<Tile> tiles_; // one a size of sequence_
  Sequence sequence_;       // counts the steps that callers asked for: one a position, even after a stop token
  std::string division_;
};

Status ExecutorImpl::bind() {
  CADENZA_ASSIGN_OR_RETURN(step_, BoundEntry::bind(machine_, decodeEntry(machine_.program)));
  if (sequence_.tileSizes().empty())
    return Status::ok();
  for (uint32_t entry : prefillEntries(machine_.program)) {
    CADENZA_ASSIGN_OR_RETURN(Tile bound, bindTile(entry));
    tiles_.push_back(std::move(bound));
  }
  return Status::ok();
}

StatusOr<ExecutorImpl::Tile> ExecutorImpl::bindTile(uint32_t index) {
  const Entry &entry = machine_.program.entries[index];
  Tile tile;
  CADENZA_ASSIGN_OR_RETURN(tile.entry, BoundEntry::bind(machine_, entry));
  tile.headBlock = headBlock(machine_.program, index);
  for (const Block &block : entry.blocks)
    for (const Phase &phase : block.phases)
      if (phase.kind == PhaseKind::Last) {
        tile.allTokens = phase.inputs[0];
        tile.lastToken = phase.outputs[0];
      }
  return tile;
}

ExecutorImpl::Tile &ExecutorImpl::tile(int64_t size) {
  const std::span<const int64_t> sizes = sequence_.tileSizes();
  return tiles_[static_cast<size_t>(std::find(sizes.begin(), sizes.end(), size) - sizes.begin())];
}

Status ExecutorImpl::runLayers(Tile &tile, int64_t live) {
  machine_.state.position = machine_.state.next_position; // what embed does on a GPU
  return tile.entry.run(machine_, {.endBlock = tile.headBlock, .live = live});
}

Status ExecutorImpl::enqueueTile(int64_t size, bool withHead) {
  CADENZA_ASSIGN_OR_RETURN(const int64_t live, sequence_.beginTile(size));
  Tile &bound = tile(size);
  CADENZA_RETURN_IF_ERROR(runLayers(bound, live));
  if (withHead)
    CADENZA_RETURN_IF_ERROR(bound.entry.run(machine_, {bound.headBlock, bound.entry.blocks()}));
  sequence_.finishStep(withHead, live);
  return Status::ok();
}

Status ExecutorImpl::runTileWithLogits(int64_t size, const LogitsRow &row) {
  CADENZA_RETURN_IF_ERROR(checkLogits());
  CADENZA_ASSIGN_OR_RETURN(const int64_t live, sequence_.beginTile(size));
  Tile &bound = tile(size);
  CADENZA_RETURN_IF_ERROR(runLayers(bound, live));
  // The head takes one token. What it computes may overwrite those of the tile.
  const int64_t first = machine_.state.next_position - live;
  std::vector<std::vector<float>> tokens(static_cast<size_t>(live));
  for (int64_t i = 0; i < live; ++i) {
    tokens[static_cast<size_t>(i)].resize(static_cast<size_t>(machine_.program.edges[bound.allTokens].elements));
    machine_.readEdge(bound.allTokens, i, tokens[static_cast<size_t>(i)]);
  }
  for (int64_t i = 0; i < live; ++i) {
    machine_.writeEdge(bound.lastToken, /*token=*/0, tokens[static_cast<size_t>(i)]);
    machine_.state.position = static_cast<int>(first + i);
    CADENZA_RETURN_IF_ERROR(bound.entry.run(machine_, {bound.headBlock, bound.entry.blocks()}));
    CADENZA_RETURN_IF_ERROR(row(first + i, machine_.logits));
  }
  sequence_.finishTileOfHeads(live);
  return Status::ok();
}

void ExecutorImpl::restart(int64_t position, int64_t forcedTokens, int64_t length) {
  machine_.state = DecodeState{};
  machine_.sampling = Sampling{};
  machine_.state.next_position = static_cast<int>(position);
  machine_.state.forced_tokens = static_cast<int>(forcedTokens);
  std::fill(machine_.tokens.begin(), machine_.tokens.end(), 0);
  sequence_.start(position, forcedTokens, length);
  machine_.isLong = sequence_.isLong();
}

Status ExecutorImpl::begin(std::span<const int32_t> prompt, std::span<const int32_t> stopTokens, int64_t kept) {
  CADENZA_RETURN_IF_ERROR(sequence_.checkPrompt(prompt, stopTokens, kept));
  restart(kept, static_cast<int64_t>(prompt.size()), static_cast<int64_t>(prompt.size()));
  std::copy(prompt.begin(), prompt.end(), machine_.tokens.begin());
  machine_.state.stop_token_count = static_cast<int>(stopTokens.size());
  std::copy(stopTokens.begin(), stopTokens.end(), machine_.state.stop_tokens);
  return Status::ok();
}

Status ExecutorImpl::readCache(const CachePart &part, std::span<std::byte> out) {
  const CacheStorage &cache = machine_.caches[part.cache];
  std::copy_n((part.isValue ? cache.values : cache.keys).data() + part.offset, out.size(), out.data());
  return Status::ok();
}

Status ExecutorImpl::writeCache(const CachePart &part, std::span<const std::byte> bytes) {
  sequence_.restore({}); // whatever comes, what was there is no longer whole
  CacheStorage &cache = machine_.caches[part.cache];
  std::copy_n(bytes.data(), bytes.size(), (part.isValue ? cache.values : cache.keys).data() + part.offset);
  return Status::ok();
}

Status ExecutorImpl::restore(const CacheState &state) {
  CADENZA_RETURN_IF_ERROR(sequence_.checkRestore(state));
  sequence_.restore(state);
  return Status::ok();
}

Status ExecutorImpl::sample(const SequenceSampling &sampling) {
  CADENZA_RETURN_IF_ERROR(sequence_.checkUnselected());
  machine_.sampling = sampling.sampling;
  machine_.history = sampling.rows;
  machine_.sampling.rows = machine_.history.data();
  return Status::ok();
}

Status ExecutorImpl::updateRows(std::span<const RowHistory> rows) {
  CADENZA_RETURN_IF_ERROR(checkRows(machine_.sampling, rows.size(), machine_.program.decoder->vocabulary));
  std::copy(rows.begin(), rows.end(), machine_.history.begin());
  return Status::ok();
}

Status ExecutorImpl::step(bool withHead, const PhaseEditor &editor) {
  CADENZA_RETURN_IF_ERROR(sequence_.beginStep());
  // What embed does on a GPU: a stopped model repeats its last step.
  if (DecodeState &state = machine_.state; !state.stopped)
    state.position = state.next_position++;

  BoundEntry::AfterPhase after;
  if (editor)
    after = [&](uint32_t block, uint32_t phase, const BoundPhase &bound) {
      return show({block, phase, machine_.iteration, {}}, bound, editor);
    };
  CADENZA_RETURN_IF_ERROR(
      step_.run(machine_, {.endBlock = withHead ? step_.blocks() : machine_.program.decoder->headBlock}, after));
  sequence_.finishStep(withHead);
  return Status::ok();
}

Status ExecutorImpl::show(PhaseOutput where, const BoundPhase &phase, const PhaseEditor &editor) {
  std::vector<std::vector<float>> stored;
  for (uint32_t edge : phase.outputs()) {
    stored.emplace_back(machine_.program.edges[edge].elements);
    machine_.readEdge(edge, /*token=*/0, stored.back());
  }
  if (stored.empty() && phase.selects() && !machine_.logits.empty())
    stored.push_back(machine_.logits);
  std::vector<std::vector<float>> edited = stored;
  std::vector<std::span<const float>> outputs(stored.begin(), stored.end());
  std::vector<std::span<float>> values(edited.begin(), edited.end());
  where.outputs = outputs;
  CADENZA_RETURN_IF_ERROR(editor(where, values));
  for (size_t i = 0; i < phase.outputs().size(); ++i)
    machine_.writeEdge(phase.outputs()[i], /*token=*/0, edited[i]);
  return Status::ok();
}

StatusOr<int32_t> ExecutorImpl::awaitToken(int64_t position) {
  CADENZA_RETURN_IF_ERROR(sequence_.checkSelected(position));
  return machine_.tokens[position];
}

StatusOr<std::span<const float>> ExecutorImpl::logits() {
  CADENZA_RETURN_IF_ERROR(checkLogits());
  CADENZA_RETURN_IF_ERROR(sequence_.checkHeadRan());
  return std::span<const float>(machine_.logits);
}

Status ExecutorImpl::fillCache(int64_t length, uint64_t seed) {
  CADENZA_RETURN_IF_ERROR(sequence_.checkFill(length));
  for (uint32_t index = 0; index < machine_.caches.size(); ++index) {
    const Cache &cache = machine_.program.caches[index];
    uint64_t rowBytes = cache.headDim * dtypeSize(cache.dtype);
    const int64_t kept = machine_.caches[index].positions;
    for (bool isValue : {false, true}) {
      std::byte *tensor = (isValue ? machine_.caches[index].values : machine_.caches[index].keys).data();
      machine_.pool.parallelFor(cache.kvHeads, 1, [&](int64_t begin, int64_t end) {
        std::vector<float> row(cache.headDim);
        for (int64_t head = begin; head < end; ++head) {
          for (int64_t position = std::max<int64_t>(0, length - kept); position < length; ++position) {
            for (int64_t i = 0; i < cache.headDim; ++i)
              row[i] = cacheFillValue(seed, cacheFillIndex(index, isValue, head, position, i));
            narrow(cache.dtype, row, tensor + (head * kept + position % kept) * rowBytes);
          }
        }
      });
    }
  }
  restart(length, length + 1, machine_.context); // the token at `length` is given: id 0
  return Status::ok();
}

StatusOr<std::unique_ptr<CpuExecutor>> make(Program program, std::span<const std::byte> weights,
                                            const ExecutorOptions &options, std::string division, int threads) {
  CADENZA_ASSIGN_OR_RETURN(int64_t context, chooseContext(program, options.context));
  try {
    auto executor =
        std::make_unique<ExecutorImpl>(std::move(program), weights, context, options, std::move(division), threads);
    CADENZA_RETURN_IF_ERROR(executor->bind());
    return StatusOr<std::unique_ptr<CpuExecutor>>(std::move(executor));
  } catch (const std::bad_alloc &) {
    return error(StatusCode::OutOfMemory,
                 "not enough memory for a context of " + std::to_string(context) + " positions; try a smaller one");
  }
}

} // namespace
} // namespace cpu

StatusOr<Program> withoutLaunches(Program program, std::span<const std::byte> weights) {
  program.scratch.clear();
  program.divisions.clear();
  program.kernels.assign(1, Kernel{});
  program.kernels[0].name = "none";
  program.kernels[0].threads = 32;
  for (Entry &entry : program.entries)
    for (Block &block : entry.blocks)
      for (Phase &phase : block.phases) {
        phase.launch = {"none", {}};
        phase.prepare.reset();
        phase.variants.clear();
      }
  CADENZA_RETURN_IF_ERROR(validateProgram(program));
  for (const Weight &weight : program.weights)
    if (!checked::inBounds(weight.offset, weight.bytes, weights.size()))
      return Status(StatusCode::InvalidPlan, "weight '" + weight.name + "' ends beyond the weight section");
  return program;
}

StatusOr<std::unique_ptr<CpuExecutor>> makeCpuExecutor(Program program, std::span<const std::byte> weights,
                                                       const ExecutorOptions &options, int threads) {
  CADENZA_RETURN_IF_ERROR(requireDecoder(program, program.model.name));
  CADENZA_ASSIGN_OR_RETURN(program, withoutLaunches(std::move(program), weights));
  return cpu::make(std::move(program), weights, options, /*division=*/"", threads);
}

StatusOr<std::unique_ptr<Executor>> makeCpuExecutor(const Plan &plan, const ExecutorOptions &options, int threads) {
  CADENZA_RETURN_IF_ERROR(requireDecoder(plan));
  uint32_t division = 0;
  if (!options.division.empty()) {
    CADENZA_ASSIGN_OR_RETURN(division, findDivision(plan.program(), options.division, plan.path()));
  }
  CADENZA_RETURN_IF_ERROR(plan.verifyWeights(threads));
  const std::vector<Division> &divisions = plan.program().divisions;
  CADENZA_ASSIGN_OR_RETURN(std::unique_ptr<CpuExecutor> executor,
                           cpu::make(divisions.empty() ? plan.program() : inDivision(plan.program(), division),
                                     plan.weights(), options, divisions.empty() ? "" : divisions[division].name,
                                     threads));
  return StatusOr<std::unique_ptr<Executor>>(std::move(executor));
}

} // namespace cadenza
