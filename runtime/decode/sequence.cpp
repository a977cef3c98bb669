#include "runtime/decode/sequence.h"

#include "runtime/plan/plan.h"
#include "runtime/shared/state.h"

#include <algorithm>
#include <string>

namespace cadenza {
namespace {

constexpr int64_t defaultContext = 4096;

Status invalid(std::string message) { return {StatusCode::InvalidArgument, std::move(message)}; }

/// Calls `visit` with each cache of the decoder's step and the window of the attention that reads it; 0: none.
template <typename Visit> void forEachWindow(const Program &program, const Visit &visit) {
  const auto at = [](const Ref &ref, const std::vector<Table> &tables, int64_t iteration) {
    return ref.perLayer ? tables[ref.index][static_cast<size_t>(iteration)] : ref.index;
  };
  for (const Block &block : decodeEntry(program).blocks)
    for (const Phase &phase : block.phases)
      for (int64_t i = 0; phase.kind == PhaseKind::Attend && i < block.count; ++i)
        for (const Ref &cache : phase.caches)
          visit(program.caches[at(cache, program.cacheTables, i)],
                phase.scalars.empty() ? 0 : program.scalars[at(phase.scalars[0], program.scalarTables, i)].value);
}

/// How far back a sequence can be taken whose rings are full: what they keep beyond their windows. Without rings, as
/// far as there are positions.
int64_t rewindsOf(const Program &program, int64_t context) {
  int64_t rewinds = context;
  if (std::all_of(program.caches.begin(), program.caches.end(), [](const Cache &c) { return c.positions == 0; }))
    return rewinds;
  forEachWindow(program, [&](const Cache &cache, int64_t window) {
    if (const int64_t kept = cachePositions(cache, context); kept < context)
      rewinds = std::min(rewinds, window > 0 ? std::max<int64_t>(kept - window, 0) : 0);
  });
  return rewinds;
}

/// Positions that fit before the first ring overwrites one.
int64_t smallestRing(const Program &program, int64_t context) {
  int64_t smallest = context;
  for (const Cache &cache : program.caches)
    smallest = std::min(smallest, cachePositions(cache, context));
  return smallest;
}

} // namespace

Status requireDecoder(const Program &program, const std::string &path) {
  if (program.decoder)
    return Status::ok();
  std::string entries;
  for (const Entry &entry : program.entries) {
    entries += (entries.empty() ? "" : "; ") + entry.name + " takes ";
    for (const Port &port : entry.inputs)
      entries += (&port == entry.inputs.data() ? "" : ", ") + describePort(program, port);
    entries += " and gives ";
    for (const Port &port : entry.outputs)
      entries += (&port == entry.outputs.data() ? "" : ", ") + describePort(program, port);
  }
  return invalid(path + ": is no decoder, there are no tokens to continue; " + entries +
                 "; run it with cadenza-run --input NAME=FILE.npy --output NAME=FILE.npy");
}

Status requireDecoder(const Plan &plan) { return requireDecoder(plan.program(), plan.path()); }

StatusOr<int64_t> chooseContext(const Program &program, int64_t asked) {
  const int64_t maxContext = program.decoder->maxContext;
  if (asked < 0 || asked > maxContext)
    return invalid("context " + std::to_string(asked) + ": " + program.model.name + " has positions for 1 to " +
                   std::to_string(maxContext));
  return asked > 0 ? asked : std::min(maxContext, defaultContext);
}

std::string adviceForLongTexts(const Program &program, int64_t context) {
  const int64_t longest = program.decoder->maxContext;
  return context < longest ? "load with a larger --context, up to " + std::to_string(longest)
                           : program.model.name + " has no more positions";
}

int64_t chooseTile(std::span<const int64_t> sizes, int64_t tokens) {
  const auto holdsAll = std::lower_bound(sizes.begin(), sizes.end(), tokens);
  return holdsAll == sizes.end() ? sizes.back() : *holdsAll;
}

Sequence::Sequence(const Program &program, int64_t context, bool withTiles)
    : context_(context), vocabulary_(program.decoder->vocabulary), longAfter_(longAfter(program)),
      advice_(adviceForLongTexts(program, context)), selected_(static_cast<size_t>(context) + 1) {
  rewinds_ = rewindsOf(program, context);
  smallestRing_ = smallestRing(program, context);
  if (withTiles)
    for (uint32_t entry : prefillEntries(program))
      tileSizes_.push_back(tileOf(program.entries[entry]));
}

int64_t Sequence::keepable(int64_t wanted, int64_t length) const {
  const bool sameAngles = longAfter_ == 0 || isLong_ == (length > longAfter_);
  const bool isThere = reached_ <= smallestRing_ || reached_ - wanted <= rewinds_;
  return sameAngles && isThere && wanted <= processed_ ? wanted : 0;
}

Status Sequence::checkPrompt(std::span<const int32_t> prompt, std::span<const int32_t> stopTokens, int64_t kept) const {
  if (prompt.empty())
    return invalid("the prompt is empty");
  for (size_t i = 0; i < prompt.size(); ++i)
    if (prompt[i] < 0 || prompt[i] >= vocabulary_)
      return invalid("prompt[" + std::to_string(i) + "]: token " + std::to_string(prompt[i]) +
                     " is outside the vocabulary of " + std::to_string(vocabulary_));
  if (prompt.size() > static_cast<uint64_t>(context_))
    return {StatusCode::CacheFull, "a prompt of " + std::to_string(prompt.size()) +
                                       " tokens does not fit into the context of " + std::to_string(context_) + "; " +
                                       advice_};
  if (stopTokens.size() > max_stop_tokens)
    return invalid(std::to_string(stopTokens.size()) + " stop tokens; at most " + std::to_string(max_stop_tokens) +
                   " are possible");
  const auto length = static_cast<int64_t>(prompt.size());
  if (kept < 0 || kept >= length || keepable(kept, length) != kept)
    return invalid(std::to_string(kept) + " tokens of the sequence before cannot be kept of a prompt of " +
                   std::to_string(length));
  return Status::ok();
}

Status Sequence::checkFill(int64_t length) const {
  if (length >= 0 && length <= context_)
    return Status::ok();
  return invalid("cannot fill " + std::to_string(length) + " of " + std::to_string(context_) + " positions");
}

Status Sequence::checkRestore(const CacheState &state) const {
  if (state.length >= 0 && state.length <= context_ && state.reached >= state.length)
    return Status::ok();
  return invalid("a state of " + std::to_string(state.length) + " tokens does not fit into the context of " +
                 std::to_string(context_));
}

void Sequence::restore(const CacheState &state) {
  start(/*position=*/0, /*given=*/0, /*length=*/0);
  begun_ = false;
  isLong_ = state.isLong;
  processed_ = state.length;
  reached_ = state.reached;
}

void Sequence::start(int64_t position, int64_t given, int64_t length) {
  isLong_ = longAfter_ > 0 && length > longAfter_;
  std::fill(selected_.begin(), selected_.end(), uint8_t{0});
  position_ = position;
  given_ = given;
  ++number_;
  processed_ = position;
  reached_ = position == 0 ? 0 : std::max(reached_, position);
  headRan_ = false;
  begun_ = true;
}

Status Sequence::beginStep() {
  if (!begun_)
    return invalid("there is no sequence to continue: begin one (after a failed step, too)");
  if (position_ == context_)
    return {StatusCode::CacheFull, "the context of " + std::to_string(context_) + " positions is full; " + advice_};
  if (longAfter_ > 0 && !isLong_ && position_ >= longAfter_)
    return invalid("keys of a sequence of more than " + std::to_string(longAfter_) +
                   " tokens are rotated by other angles: begin again with all of its tokens");
  if (position_ >= given_ && !selected_[static_cast<size_t>(position_)])
    return invalid("there is no token at position " + std::to_string(position_) +
                   ": the step before it ran without its head");
  begun_ = false;
  return Status::ok();
}

StatusOr<int64_t> Sequence::beginTile(int64_t size) {
  if (!std::binary_search(tileSizes_.begin(), tileSizes_.end(), size)) {
    std::string sizes;
    for (int64_t known : tileSizes_)
      sizes += (sizes.empty() ? "" : ", ") + std::to_string(known);
    return invalid("there are no tiles of " + std::to_string(size) + " tokens; there are " +
                   (sizes.empty() ? "none" : "those of " + sizes));
  }
  if (begun_ && position_ < context_ && position_ >= given_)
    return invalid("there is no given token at position " + std::to_string(position_) +
                   ", which a tile could begin with: tokens that are selected take steps");
  CADENZA_RETURN_IF_ERROR(beginStep());
  return std::min({size, given_ - position_, context_ - position_});
}

void Sequence::finishTileOfHeads(int64_t tokens) {
  for (int64_t token = 0; token < tokens; ++token)
    finishStep(/*withHead=*/true);
}

void Sequence::finishStep(bool withHead, int64_t tokens) {
  position_ += tokens;
  processed_ = position_;
  reached_ = std::max(reached_, position_);
  if (withHead) {
    selected_[static_cast<size_t>(position_)] = 1;
    headRan_ = true;
  }
  begun_ = true;
}

Status Sequence::checkSelected(int64_t position) const {
  if (position >= 0 && position <= context_ && selected_[static_cast<size_t>(position)])
    return Status::ok();
  return invalid("no step was queued that selects the token at position " + std::to_string(position));
}

Status Sequence::checkHeadRan() const { return headRan_ ? Status::ok() : invalid("no step with head has run yet"); }

Status Sequence::checkUnselected() const {
  return begun_ && !headRan_ ? Status::ok() : invalid("how tokens are selected is said after begin, before the first");
}

} // namespace cadenza
