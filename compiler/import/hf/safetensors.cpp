#include "compiler/import/hf/safetensors.h"
#include "compiler/import/text.h"
#include "runtime/support/checked.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>
#include <optional>
#include <tuple>
#include <unordered_set>

namespace cadenza {
namespace {

constexpr uint64_t maxHeader = 100'000'000; // the reference implementation's limit
constexpr size_t maxTensors = 500'000;
constexpr size_t maxRank = 64;

Status invalid(std::string message) { return {StatusCode::InvalidInput, std::move(message)}; }

/// Bits of one element, or nothing for a dtype that the format does not have.
std::optional<uint64_t> dtypeBits(std::string_view dtype) {
  constexpr std::pair<std::string_view, uint64_t> known[] = {
      {"BOOL", 8}, {"U8", 8},   {"I8", 8},    {"F8_E4M3", 8}, {"F8_E5M2", 8}, {"F8_E8M0", 8}, {"U16", 16},
      {"I16", 16}, {"F16", 16}, {"BF16", 16}, {"U32", 32},    {"I32", 32},    {"F32", 32},    {"U64", 64},
      {"I64", 64}, {"F64", 64}, {"C64", 64},  {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6},
  };
  for (auto [name, bits] : known) {
    if (name == dtype)
      return bits;
  }
  return std::nullopt;
}

/// Streams the header's JSON into entries: {"name": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, ...} and an
/// optional "__metadata__" that maps strings to strings.
/// Nothing deeper than the three levels of that is ever entered, so depth needs no other bound.
class HeaderHandler : public nlohmann::json_sax<nlohmann::json> {
public:
  std::vector<SafetensorsEntry> entries; // `offset` relative to the buffer
  std::string error;

  bool null() override {
    if (inMetadata_ && depth_ == 1) { // "__metadata__": null says that there is none
      inMetadata_ = false;
      return true;
    }
    return unexpected("null");
  }
  bool boolean(bool) override { return unexpected("a boolean"); }
  bool number_integer(int64_t value) override { return unexpected("the negative number " + std::to_string(value)); }
  bool number_float(double, const std::string &text) override {
    return unexpected("the number " + escaped(text, 40) + ", which is no 64-bit integer");
  }

  bool number_unsigned(uint64_t value) override {
    if (depth_ != 3 || field_ == Field::Dtype)
      return unexpected("a number");
    if (field_ == Field::Offsets) {
      if (offsetCount_ == 2)
        return failHere("has more than two elements");
      offsets_[offsetCount_++] = value;
      return true;
    }
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      return failHere("has the extent " + std::to_string(value) + ", more than 2^63 - 1");
    if (entry_.shape.size() == maxRank)
      return failHere("has more than " + std::to_string(maxRank) + " dimensions");
    entry_.shape.push_back(static_cast<int64_t>(value));
    return true;
  }

  bool string(std::string &value) override {
    if (inMetadata_ && depth_ == 2)
      return true;
    if (inMetadata_ || depth_ != 2 || field_ != Field::Dtype)
      return unexpected("a string");
    entry_.dtype = std::move(value);
    return true;
  }

  bool key(std::string &value) override {
    if (depth_ == 1)
      return startEntry(value);
    if (inMetadata_)
      return metadataKeys_.insert(value).second ||
             fail("header: __metadata__: key " + quotedName(value) + " occurs twice");
    if (value == "dtype")
      field_ = Field::Dtype;
    else if (value == "shape")
      field_ = Field::Shape;
    else if (value == "data_offsets")
      field_ = Field::Offsets;
    else
      return failEntry("has the unknown field " + quotedName(value));
    bool &seen = seen_[static_cast<size_t>(field_)];
    if (seen)
      return failEntry("has the field " + quotedName(value) + " twice");
    seen = true;
    return true;
  }

  bool binary(nlohmann::json::binary_t &) override { return unexpected("binary data"); }
  bool start_object(size_t) override {
    if (depth_ > 1)
      return unexpected("an object");
    ++depth_;
    return true;
  }
  bool start_array(size_t) override {
    if (depth_ != 2 || inMetadata_ || field_ == Field::Dtype)
      return unexpected("an array");
    ++depth_;
    return true;
  }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool end_object() override {
    --depth_;
    if (depth_ == 1 && !inMetadata_ && !finishEntry())
      return false;
    inMetadata_ = false;
    return true;
  }
  bool parse_error(size_t position, const std::string &, const nlohmann::detail::exception &exception) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 3: ..."; the bracket says nothing to a user.
    std::string_view what = exception.what();
    if (size_t bracket = what.find("] "); bracket != std::string_view::npos)
      what.remove_prefix(bracket + 2);
    return fail("header: offset " + std::to_string(8 + position) + ": " + escaped(what, 200));
  }

private:
  enum class Field { Dtype, Shape, Offsets };

  bool fail(std::string message) {
    if (error.empty())
      error = std::move(message);
    return false;
  }

  bool failEntry(const std::string &message) {
    return fail("header: tensor " + quotedName(entry_.name) + " " + message);
  }
  bool failHere(const std::string &message) {
    constexpr const char *names[] = {"dtype", "shape", "data_offsets"};
    return fail("header: tensor " + quotedName(entry_.name) + ": " + names[static_cast<size_t>(field_)] + " " +
                message);
  }
  bool unexpected(const std::string &what) {
    if (depth_ == 0)
      return fail("header: the document is not an object");
    if (inMetadata_)
      return fail("header: __metadata__ holds " + what + " where strings belong");
    if (depth_ == 1)
      return failEntry("is " + what + " instead of an object");
    return failHere("holds " + what);
  }

  bool startEntry(const std::string &name) {
    entry_ = {};
    entry_.name = name;
    offsetCount_ = 0;
    std::fill(std::begin(seen_), std::end(seen_), false);
    inMetadata_ = name == "__metadata__";
    if (!names_.insert(name).second)
      return fail("header: key " + quotedName(name) + " occurs twice");
    if (names_.size() > maxTensors)
      return fail("header: more than " + std::to_string(maxTensors) + " tensors");
    return true;
  }

  bool finishEntry() {
    if (!seen_[0] || !seen_[1] || !seen_[2])
      return failEntry("needs dtype, shape and data_offsets");
    field_ = Field::Offsets;
    if (offsetCount_ != 2)
      return failHere("has fewer than two elements");
    if (offsets_[1] < offsets_[0])
      return failHere("end at " + std::to_string(offsets_[1]) + ", before they begin at " +
                      std::to_string(offsets_[0]));
    entry_.offset = offsets_[0];
    entry_.bytes = offsets_[1] - offsets_[0];
    entries.push_back(std::move(entry_));
    return true;
  }

  SafetensorsEntry entry_; // the one being read
  Field field_ = Field::Dtype;
  bool seen_[3] = {};
  uint64_t offsets_[2] = {};
  int offsetCount_ = 0;
  int depth_ = 0;
  bool inMetadata_ = false;
  std::unordered_set<std::string> names_;
  std::unordered_set<std::string> metadataKeys_;
};

/// That shape x dtype is the number of bytes that the offsets give.
Status checkSize(const SafetensorsEntry &entry) {
  std::string where = "header: tensor " + quotedName(entry.name) + ": ";
  auto bits = dtypeBits(entry.dtype);
  if (!bits)
    return {StatusCode::Unsupported, where + "dtype " + quotedName(entry.dtype) + " is not known"};
  auto total = checked::byteSize(entry.shape, *bits);
  if (!total)
    return invalid(where + "shape " + shapeText(entry.shape) + " overflows");
  if (*total % 8 != 0 || *total / 8 != entry.bytes)
    return invalid(where + "shape " + shapeText(entry.shape) + " of " + entry.dtype + " takes " +
                   std::to_string(*total / 8) + " bytes, but data_offsets span " + std::to_string(entry.bytes));
  return Status::ok();
}

/// That the entries, sorted by offset, cover [0, buffer) without hole or overlap.
Status checkCoverage(const std::vector<SafetensorsEntry> &entries, uint64_t buffer) {
  uint64_t end = 0;
  for (const SafetensorsEntry &entry : entries) {
    std::string where = "header: tensor " + quotedName(entry.name) + ": data_offsets ";
    if (!checked::inBounds(entry.offset, entry.bytes, buffer))
      return invalid(where + "[" + std::to_string(entry.offset) + ", " + std::to_string(entry.offset + entry.bytes) +
                     ") leave the buffer of " + std::to_string(buffer) + " bytes; is the file truncated?");
    if (entry.offset != end)
      return invalid(where + "begin at " + std::to_string(entry.offset) + ", but the tensor before ends at " +
                     std::to_string(end) + (entry.offset < end ? " (overlap)" : " (hole)"));
    end = entry.offset + entry.bytes;
  }
  if (end != buffer)
    return invalid("the tensors end at offset " + std::to_string(end) + " of a buffer of " + std::to_string(buffer) +
                   " bytes (trailing bytes)");
  return Status::ok();
}

} // namespace

StatusOr<SafetensorsHeader> parseSafetensorsHeader(std::string_view file) {
  if (file.starts_with("version https://git-lfs.github.com/spec/"))
    return invalid("is a Git LFS pointer, not the weights themselves; run 'git lfs pull' in the model's directory");
  constexpr uint64_t prefix = 8;
  if (file.size() < prefix)
    return invalid("is " + std::to_string(file.size()) + " bytes long, too short for the header length at offset 0");
  uint64_t length = 0;
  for (uint64_t i = 0; i < prefix; ++i)
    length |= static_cast<uint64_t>(static_cast<unsigned char>(file[i])) << (8 * i);
  if (length > maxHeader)
    return invalid("header length " + std::to_string(length) + " at offset 0 is more than " +
                   std::to_string(maxHeader));
  if (!checked::inBounds(prefix, length, file.size()))
    return invalid("header length " + std::to_string(length) + " at offset 0 leaves the file of " +
                   std::to_string(file.size()) + " bytes; is the file truncated?");
  if (length < 2 || file[prefix] != '{')
    return invalid("header of " + std::to_string(length) + " bytes at offset 8 is no JSON object");

  HeaderHandler handler;
  std::string_view text = file.substr(prefix, length);
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &handler))
    return invalid(handler.error.empty() ? "header: malformed JSON" : handler.error);

  SafetensorsHeader header;
  header.headerBytes = prefix + length;
  header.entries = std::move(handler.entries);
  for (const SafetensorsEntry &entry : header.entries)
    CADENZA_RETURN_IF_ERROR(checkSize(entry));
  // An empty tensor stands before the one that begins where it lies.
  std::sort(header.entries.begin(), header.entries.end(), [](const SafetensorsEntry &a, const SafetensorsEntry &b) {
    return std::tie(a.offset, a.bytes, a.name) < std::tie(b.offset, b.bytes, b.name);
  });
  CADENZA_RETURN_IF_ERROR(checkCoverage(header.entries, file.size() - header.headerBytes));
  for (SafetensorsEntry &entry : header.entries)
    entry.offset += header.headerBytes;
  return header;
}

} // namespace cadenza
