#include "compiler/import/onnx/read_attribute.h"
#include "compiler/import/onnx/onnx_proto.h"
#include "compiler/import/text.h"

#include <cstring>

namespace cadenza::onnx {
namespace {

using Proto = ::onnx::AttributeProto;

/// A field of a value: whose type it is, and whether the attribute has it.
struct ValueField {
  AttributeLetter letter;
  std::string_view name;
  bool present;
};

std::vector<ValueField> fieldsOf(const Proto &proto) {
  return {{'f', "f", proto.has_f()},
          {'i', "i", proto.has_i()},
          {'s', "s", proto.has_s()},
          {'t', "t", proto.has_t()},
          {'g', "g", proto.has_g()},
          {'x', "sparse_tensor", proto.has_sparse_tensor()},
          {'p', "tp", proto.has_tp()},
          {'F', "floats", proto.floats_size() != 0},
          {'I', "ints", proto.ints_size() != 0},
          {'S', "strings", proto.strings_size() != 0},
          {'T', "tensors", proto.tensors_size() != 0},
          {'G', "graphs", proto.graphs_size() != 0},
          {'X', "sparse_tensors", proto.sparse_tensors_size() != 0},
          {'P', "type_protos", proto.type_protos_size() != 0}};
}

template <typename T, typename Values>
Tensor tensorOf(ElementType type, std::vector<int64_t> shape, const Values &from) {
  std::vector<std::byte> bytes(from.size() * sizeof(T));
  if (!bytes.empty())
    std::memcpy(bytes.data(), from.data(), bytes.size());
  return makeTensor(type, std::move(shape), std::move(bytes));
}

} // namespace

std::optional<AttributeLetter> letterOf(const Proto &proto) {
  constexpr std::string_view all = "?fistgFISTGxXpP"; // by number of AttributeType, from UNDEFINED = 0 on
  const int type = proto.type();
  if (type <= 0 || static_cast<size_t>(type) >= all.size())
    return std::nullopt;
  return all[static_cast<size_t>(type)];
}

StatusOr<Attribute> readAttribute(const Proto &proto, TensorReader &tensors) {
  const auto letter = letterOf(proto);
  if (!letter)
    return Status(StatusCode::InvalidInput, "has no type");
  for (const ValueField &field : fieldsOf(proto)) {
    if (field.present && field.letter != *letter)
      return Status(StatusCode::InvalidInput,
                    "is of type " + std::string(attributeTypeName(*letter)) + ", but has " + std::string(field.name));
    // An absent number is 0 and an absent list empty, but there is no tensor and no graph that an absent one could be.
    if (!field.present && field.letter == *letter && (*letter == 't' || *letter == 'g'))
      return Status(StatusCode::InvalidInput, "is of type " + std::string(attributeTypeName(*letter)) +
                                                  ", but has no " + std::string(field.name));
  }
  Attribute attribute{proto.name(), {}};
  switch (*letter) {
  case 'f':
    attribute.value = proto.f();
    return attribute;
  case 'i':
    attribute.value = static_cast<int64_t>(proto.i());
    return attribute;
  case 's':
    attribute.value = proto.s();
    return attribute;
  case 't': {
    CADENZA_ASSIGN_OR_RETURN(attribute.value, tensors.read(proto.t()));
    return attribute;
  }
  case 'g':
    attribute.value = Subgraph{};
    return attribute;
  case 'F':
    attribute.value = std::vector<float>(proto.floats().begin(), proto.floats().end());
    return attribute;
  case 'I':
    attribute.value = std::vector<int64_t>(proto.ints().begin(), proto.ints().end());
    return attribute;
  case 'S':
    attribute.value = std::vector<std::string>(proto.strings().begin(), proto.strings().end());
    return attribute;
  default:
    return Status(StatusCode::Unsupported,
                  "is of type " + std::string(attributeTypeName(*letter)) + ", which is not supported");
  }
}

StatusOr<Tensor> constantOf(const std::vector<Attribute> &attributes) {
  if (attributes.size() != 1)
    return Status(StatusCode::InvalidInput,
                  "has " + std::to_string(attributes.size()) + " attributes; a Constant has its value in exactly one");
  const Attribute &attribute = attributes[0];
  if (const auto *tensor = std::get_if<Tensor>(&attribute.value))
    return *tensor;
  if (const auto *number = std::get_if<float>(&attribute.value))
    return tensorOf<float>(ElementType::f32, {}, std::span(number, 1));
  if (const auto *number = std::get_if<int64_t>(&attribute.value))
    return tensorOf<int64_t>(ElementType::i64, {}, std::span(number, 1));
  if (const auto *list = std::get_if<std::vector<float>>(&attribute.value))
    return tensorOf<float>(ElementType::f32, {static_cast<int64_t>(list->size())}, *list);
  if (const auto *list = std::get_if<std::vector<int64_t>>(&attribute.value))
    return tensorOf<int64_t>(ElementType::i64, {static_cast<int64_t>(list->size())}, *list);
  return Status(StatusCode::Unsupported,
                "attribute " + quotedName(attribute.name) + " holds strings, which are not supported");
}

} // namespace cadenza::onnx
