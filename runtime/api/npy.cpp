#include "runtime/api/npy.h"

#include "runtime/support/checked.h"
#include "runtime/support/mapped_file.h"
#include "runtime/support/output_file.h"

#include <algorithm>
#include <cassert>
#include <cctype>
#include <charconv>
#include <optional>

namespace cadenza {
namespace {

constexpr std::string_view magic = "\x93NUMPY";

Status invalid(std::string message) { return {StatusCode::InvalidInput, std::move(message)}; }

/// NumPy's names of types that tensors have.
struct Descr {
  std::string_view name;
  ElementType type;
};
constexpr Descr descrs[] = {{"<f4", ElementType::f32},     {"<f2", ElementType::f16}, {"<f8", ElementType::f64},
                            {"|b1", ElementType::boolean}, {"|i1", ElementType::i8},  {"<i2", ElementType::i16},
                            {"<i4", ElementType::i32},     {"<i8", ElementType::i64}, {"|u1", ElementType::u8},
                            {"<u2", ElementType::u16},     {"<u4", ElementType::u32}, {"<u8", ElementType::u64}};

const Descr *findDescr(std::string_view name) {
  const auto *found =
      std::find_if(std::begin(descrs), std::end(descrs), [&](const Descr &d) { return d.name == name; });
  return found == std::end(descrs) ? nullptr : found;
}

std::string_view descrOf(ElementType type) {
  for (const Descr &descr : descrs)
    if (descr.type == type)
      return descr.name;
  assert(false && "npyType() leaves types that have a name");
  return {};
}

/// The header's text: a Python dictionary of three entries, in any order.
class HeaderReader {
public:
  explicit HeaderReader(std::string_view text) : rest_(text) {}

  struct Header {
    std::optional<std::string> descr;
    std::optional<bool> fortranOrder;
    std::optional<std::vector<int64_t>> shape;
  };

  /// Nothing if the text is anything else.
  std::optional<Header> read() {
    Header header;
    if (!take("{"))
      return std::nullopt;
    while (!take("}")) {
      const auto key = quoted();
      if (!key || !take(":"))
        return std::nullopt;
      if (*key == "descr" && !header.descr)
        header.descr = quoted();
      else if (*key == "fortran_order" && !header.fortranOrder)
        header.fortranOrder = boolean();
      else if (*key == "shape" && !header.shape)
        header.shape = tuple();
      else
        return std::nullopt;
      skipSpace();
      if (!take(",") && !rest_.starts_with("}"))
        return std::nullopt;
    }
    skipSpace();
    const bool complete = header.descr && header.fortranOrder && header.shape && rest_.empty();
    return complete ? std::optional(header) : std::nullopt;
  }

private:
  void skipSpace() {
    while (!rest_.empty() && std::isspace(static_cast<unsigned char>(rest_.front())))
      rest_.remove_prefix(1);
  }
  bool take(std::string_view token) {
    skipSpace();
    if (!rest_.starts_with(token))
      return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  std::optional<std::string> quoted() {
    skipSpace();
    if (rest_.empty() || (rest_.front() != '\'' && rest_.front() != '"'))
      return std::nullopt;
    const size_t end = rest_.find(rest_.front(), 1);
    if (end == std::string_view::npos)
      return std::nullopt;
    std::string text(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return text;
  }
  std::optional<bool> boolean() {
    if (take("True"))
      return true;
    return take("False") ? std::optional(false) : std::nullopt;
  }
  std::optional<std::vector<int64_t>> tuple() {
    std::vector<int64_t> extents;
    if (!take("("))
      return std::nullopt;
    while (!take(")")) {
      int64_t extent = -1;
      skipSpace();
      const auto [end, problem] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), extent);
      if (problem != std::errc() || extent < 0)
        return std::nullopt;
      rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
      extents.push_back(extent);
      skipSpace();
      if (!take(",") && !rest_.starts_with(")"))
        return std::nullopt;
    }
    return extents;
  }

  std::string_view rest_;
};

} // namespace

std::string npyHeader(std::span<const int64_t> shape, ElementType type) {
  constexpr size_t prefix = 10; // magic, version, length of the rest
  std::string extents;
  for (int64_t extent : shape)
    extents += (extents.empty() ? "" : ", ") + std::to_string(extent);
  if (shape.size() == 1)
    extents += ","; // a tuple of one
  std::string text =
      "{'descr': '" + std::string(descrOf(type)) + "', 'fortran_order': False, 'shape': (" + extents + "), }";
  text.append(63 - (prefix + text.size()) % 64, ' ');
  text += '\n';
  std::string header(magic);
  header += {'\1', '\0', static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
  return header + text;
}

StatusOr<Tensor> parseNpy(std::string_view bytes) {
  if (!bytes.starts_with(magic) || bytes.size() < magic.size() + 4)
    return invalid("is no .npy file");
  const auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<unsigned char>(bytes[i])); };
  const size_t major = byte(6), wide = major >= 2 ? 4 : 2;
  if (major < 1 || major > 3)
    return invalid("is an .npy file of format " + std::to_string(major) + "; 1 to 3 are known");
  size_t length = 0;
  for (size_t i = 0; i < wide && 8 + wide <= bytes.size(); ++i)
    length |= byte(8 + i) << (8 * i);
  if (bytes.size() < 8 + wide || length > bytes.size() - 8 - wide)
    return invalid("is damaged: the file ends inside its header");
  const auto header = HeaderReader(bytes.substr(8 + wide, length)).read();
  if (!header)
    return invalid("is damaged: its header is not a dictionary of descr, fortran_order and shape");
  const Descr *descr = findDescr(*header->descr);
  if (descr == nullptr)
    return invalid("holds '" + *header->descr +
                   "'; expected little-endian floats, integers or booleans, such as '<f4' (numpy.float32; "
                   "x.astype(numpy.float32))");
  if (*header->fortranOrder)
    return invalid("is in Fortran order; save numpy.ascontiguousarray(x)");
  const std::string_view data = bytes.substr(8 + wide + length);
  const auto size = checked::byteSize(*header->shape, elementBytes(descr->type));
  if (!size || *size != data.size())
    return invalid("is damaged: it has " + std::to_string(data.size()) + " bytes of values, its shape takes " +
                   (size ? std::to_string(*size) : "more than any file holds"));
  const auto values = std::as_bytes(std::span(data));
  return Tensor{{descr->type, *header->shape}, {values.begin(), values.end()}};
}

StatusOr<Tensor> readNpy(const std::string &path) {
  CADENZA_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  const auto bytes = file.bytes();
  auto tensor = parseNpy({reinterpret_cast<const char *>(bytes.data()), bytes.size()});
  return tensor.isOk() ? tensor : StatusOr<Tensor>(tensor.status().withPrefix(path));
}

std::string npyBytes(const Tensor &tensor) {
  std::string bytes = npyHeader(tensor.shape, npyType(tensor.element));
  const auto append = [&](std::span<const std::byte> values) {
    bytes.append(reinterpret_cast<const char *>(values.data()), values.size());
  };
  if (tensor.element == ElementType::bf16)
    append(std::as_bytes(std::span<const float>(floatsOf(tensor))));
  else
    append(tensor.bytes);
  return bytes;
}

Status writeNpy(const std::string &path, const Tensor &tensor) { return writeOutput(path, npyBytes(tensor)); }

} // namespace cadenza
