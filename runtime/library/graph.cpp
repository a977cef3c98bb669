// Graphs: entries of named tensors.
#include "runtime/library/session.h"
#include "runtime/shared/element_type.h"
#include "runtime/support/checked.h"

#include <cstring>

struct cadenza_tensors {
  cadenza::Tensors values;
  std::vector<cadenza_tensor> views; // into `values`
};

namespace cadenza::library {
namespace {

std::optional<ElementType> typeOf(cadenza_type type) {
  const std::optional<ElementType> known = elementType(static_cast<int64_t>(type));
  return known && isComputable(*known) ? known : std::nullopt;
}

Status invalid(const std::string &input, const std::string &what) {
  return {StatusCode::InvalidArgument, "input \"" + input + "\": " + what};
}

StatusOr<Tensor> tensorOf(const cadenza_tensor &given) {
  const std::string name = given.name;
  const std::optional<ElementType> type = typeOf(given.type);
  if (!type)
    return invalid(name, "type " + std::to_string(static_cast<int>(given.type)) + " is no cadenza_type");
  if (!given.shape && given.rank != 0)
    return invalid(name, "shape is NULL");
  Tensor tensor;
  tensor.element = *type;
  if (given.rank != 0)
    tensor.shape.assign(given.shape, given.shape + given.rank);
  const std::optional<uint64_t> bytes = checked::byteSize(tensor.shape, elementBytes(*type));
  if (!bytes || *bytes != given.bytes)
    return invalid(name, "has " + std::to_string(given.bytes) + " bytes; a tensor " + nn::text(tensor) + " has " +
                             (bytes ? std::to_string(*bytes) : "no size that there can be"));
  if (!given.data && given.bytes != 0)
    return invalid(name, "data is NULL");
  tensor.bytes.resize(given.bytes);
  if (given.bytes != 0)
    std::memcpy(tensor.bytes.data(), given.data, given.bytes);
  return tensor;
}

StatusOr<Tensors> tensorsOf(std::span<const cadenza_tensor> given) {
  Tensors tensors;
  for (size_t i = 0; i < given.size(); ++i) {
    if (!given[i].name)
      return Status(StatusCode::InvalidArgument, "inputs[" + std::to_string(i) + "].name is NULL");
    CADENZA_ASSIGN_OR_RETURN(Tensor tensor, tensorOf(given[i]));
    if (!tensors.emplace(given[i].name, std::move(tensor)).second)
      return invalid(given[i].name, "is given twice");
  }
  return tensors;
}

std::unique_ptr<cadenza_tensors> handleOf(Tensors values) {
  auto made = std::make_unique<cadenza_tensors>();
  made->values = std::move(values);
  for (auto &[name, tensor] : made->values)
    made->views.push_back({.name = name.c_str(),
                           .type = static_cast<cadenza_type>(tensor.element),
                           .shape = tensor.shape.data(),
                           .rank = tensor.shape.size(),
                           .data = tensor.bytes.data(),
                           .bytes = tensor.bytes.size()});
  return made;
}

} // namespace
} // namespace cadenza::library

using namespace cadenza;
using namespace cadenza::library;

cadenza_status cadenza_run_graph(cadenza_session *session, const char *entry, const cadenza_tensor *inputs,
                                 size_t count, cadenza_tensors **outputs) {
  return exclusively(session, [&]() -> Status {
    CADENZA_REQUIRE_IF(count > 0, inputs);
    CADENZA_REQUIRE(outputs);
    CADENZA_ASSIGN_OR_RETURN(const Tensors given, tensorsOf(std::span(inputs, count)));
    if (!session->graphs) {
      CADENZA_ASSIGN_OR_RETURN(session->graphs, TensorSession::open(session->plan, session->graphOptions));
    }
    CADENZA_ASSIGN_OR_RETURN(Tensors results, session->graphs->run(given, entry ? entry : ""));
    *outputs = handleOf(std::move(results)).release();
    return Status::ok();
  });
}

size_t cadenza_tensors_count(const cadenza_tensors *tensors) { return tensors ? tensors->views.size() : 0; }

const cadenza_tensor *cadenza_tensors_at(const cadenza_tensors *tensors, size_t index) {
  return tensors && index < tensors->views.size() ? &tensors->views[index] : nullptr;
}

void cadenza_tensors_free(cadenza_tensors *tensors) { delete tensors; }

const char *cadenza_type_name(cadenza_type type) {
  const std::optional<ElementType> known = typeOf(type);
  return known ? elementTypeName(*known).data() : nullptr; // a literal: it ends with a NUL
}
