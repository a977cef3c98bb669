// Session::saveState and loadState. A file is
//
//   "CDZSTATE"  version u32  length of the header u32  header (JSON)  keys and values  CRC-32C of all before u32
//
// in little-endian. Keys and values are cacheParts of runtime/decode/cache_state.h, in their order.
#include "runtime/api/session_state.h"
#include "runtime/support/crc32c.h"
#include "runtime/support/json.h"
#include "runtime/support/mapped_file.h"
#include "runtime/support/output_file.h"

#include <bit>
#include <cstring>

namespace cadenza {
namespace {

using nlohmann::ordered_json;

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view magic = "CDZSTATE";
constexpr uint32_t version = 1;

struct FixedPart {
  char magic[8];
  uint32_t version, headerBytes;
};
static_assert(sizeof(FixedPart) == 16);

/// Program and weights, by their checksums.
std::string identityOf(const Plan &plan) {
  std::string identity;
  for (const SectionInfo &section : plan.sections())
    if (section.name == "program" || section.name == "weights")
      identity += section.name + " " + std::to_string(section.bytes) + " " + std::to_string(section.crc) + ";";
  return identity;
}

std::vector<int64_t> placesOfAll(const Program &program, int64_t context, const CacheState &state) {
  std::vector<int64_t> places;
  places.reserve(program.caches.size());
  for (const Cache &cache : program.caches)
    places.push_back(placesOf(cache, context, state));
  return places;
}

/// A file, and what has been written to it.
class Writer {
public:
  explicit Writer(OutputFile file) : file_(std::move(file)) {}
  Status append(std::span<const std::byte> bytes) {
    crc_ = crc32c(bytes, crc_);
    return file_.append(bytes);
  }
  Status finish() {
    CADENZA_RETURN_IF_ERROR(file_.append(std::as_bytes(std::span(&crc_, 1))));
    return file_.commit();
  }

private:
  OutputFile file_;
  uint32_t crc_ = 0;
};

/// What a file says, checked.
struct SavedState {
  std::vector<int32_t> tokens;
  int64_t exact = 0;
  CacheState cache;
  std::string note;
  std::span<const std::byte> values;
};

StatusOr<SavedState> readState(std::span<const std::byte> bytes, const Plan &plan, int64_t context) {
  const Status damaged(StatusCode::InvalidInput, "is damaged or cut short: its checksum is another one");
  FixedPart fixed{};
  if (bytes.size() < magic.size() || std::memcmp(bytes.data(), magic.data(), magic.size()) != 0)
    return Status(StatusCode::InvalidInput, "is not a saved state (cadenza-run --save makes one)");
  if (bytes.size() < sizeof(fixed) + sizeof(uint32_t))
    return damaged;
  std::memcpy(&fixed, bytes.data(), sizeof(fixed));
  if (fixed.version != version)
    return Status(StatusCode::IncompatiblePlan, "is a state of version " + std::to_string(fixed.version) +
                                                    "; this build reads " + std::to_string(version) + ": save it anew");
  uint32_t crc = 0;
  std::memcpy(&crc, bytes.data() + bytes.size() - sizeof(crc), sizeof(crc));
  const std::span<const std::byte> content = bytes.first(bytes.size() - sizeof(crc));
  if (crc32cParallel(content) != crc || content.size() - sizeof(fixed) < fixed.headerBytes)
    return damaged;
  const auto text = std::string_view(reinterpret_cast<const char *>(content.data()) + sizeof(fixed), fixed.headerBytes);
  CADENZA_ASSIGN_OR_RETURN(const nlohmann::json header,
                           parseJson(text, {.bytes = size_t(1) << 28, .values = 50'000'000}));

  SavedState state;
  std::string model, identity;
  std::vector<int64_t> places;
  try { // whoever writes such a file by hand may write anything
    model = header.at("model");
    identity = header.at("plan");
    state.tokens = header.at("tokens").get<std::vector<int32_t>>();
    state.exact = header.at("exact");
    state.cache = {.length = std::ssize(state.tokens), .reached = header.at("reached"), .isLong = header.at("long")};
    places = header.at("places").get<std::vector<int64_t>>();
    state.note = header.at("note");
  } catch (const nlohmann::json::exception &error) {
    return Status(StatusCode::InvalidInput, std::string("header: ") + error.what());
  }
  if (identity != identityOf(plan))
    return Status(StatusCode::IncompatiblePlan,
                  "was saved with another plan, of " + model + ": load it with that one, or begin anew");
  if (state.cache.length >= context + 1 || places != placesOfAll(plan.program(), context, state.cache))
    return Status(StatusCode::IncompatiblePlan, "has " + std::to_string(state.cache.length) +
                                                    " tokens, saved with another context than " +
                                                    std::to_string(context) + ": give the same --context");
  state.values = content.subspan(sizeof(fixed) + fixed.headerBytes);
  uint64_t needed = 0;
  for (const CachePart &part : cacheParts(plan.program(), context, state.cache))
    needed += part.bytes;
  if (state.values.size() != needed || state.exact < 0 || state.exact > state.cache.length ||
      state.cache.reached < state.cache.length)
    return Status(StatusCode::InvalidInput, "header: contradicts the file");
  return state;
}

} // namespace

Status Session::saveState(const std::string &path, const std::string &note) {
  Executor &executor = *state_->device.executor;
  const State::Left &left = state_->left;
  CADENZA_RETURN_IF_ERROR(executor.synchronize());
  CacheState cache = executor.cacheState();
  cache.length = std::ssize(left.tokens);
  if (left.tokens.empty() || left.sequence != executor.sequenceNumber())
    return {StatusCode::InvalidArgument, "there is nothing to save: no generation has left anything in the cache"};
  const Program &program = plan().program();
  const ordered_json header = {{"model", program.model.name},
                               {"plan", identityOf(plan())},
                               {"tokens", left.tokens},
                               {"exact", left.exact},
                               {"reached", cache.reached},
                               {"long", cache.isLong},
                               {"places", placesOfAll(program, context(), cache)},
                               {"note", note}};
  const std::string text = header.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  FixedPart fixed{{}, version, static_cast<uint32_t>(text.size())};
  std::memcpy(fixed.magic, magic.data(), magic.size());

  CADENZA_ASSIGN_OR_RETURN(OutputFile file, OutputFile::create(path));
  Writer writer(std::move(file));
  CADENZA_RETURN_IF_ERROR(writer.append(std::as_bytes(std::span(&fixed, 1))));
  CADENZA_RETURN_IF_ERROR(writer.append(std::as_bytes(std::span(text))));
  std::vector<std::byte> bytes;
  for (const CachePart &part : cacheParts(program, context(), cache)) {
    bytes.resize(part.bytes);
    CADENZA_RETURN_IF_ERROR(executor.readCache(part, bytes));
    CADENZA_RETURN_IF_ERROR(writer.append(bytes));
  }
  return writer.finish();
}

StatusOr<std::string> Session::loadState(const std::string &path) {
  Executor &executor = *state_->device.executor;
  CADENZA_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::open(path));
  StatusOr<SavedState> state = readState(file.bytes(), plan(), context());
  if (!state.isOk())
    return state.status().withPrefix(path);
  CADENZA_RETURN_IF_ERROR(executor.synchronize());
  state_->left = {};
  std::span<const std::byte> values = state->values;
  for (const CachePart &part : cacheParts(plan().program(), context(), state->cache)) {
    CADENZA_RETURN_IF_ERROR(executor.writeCache(part, values.first(part.bytes)));
    values = values.subspan(part.bytes);
  }
  CADENZA_RETURN_IF_ERROR(executor.restore(state->cache));
  state_->left = {std::move(state->tokens), state->exact, executor.sequenceNumber()};
  return std::move(state->note);
}

} // namespace cadenza
