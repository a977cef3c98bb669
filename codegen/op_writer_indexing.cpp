// Ops that take elements at indices, or change them there.
#include "codegen/op_writer.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace cadenza {

IndexExpression OpWriter::checkedIndex(const std::string &element, int64_t extent, ArrayRef<IndexExpression> where) {
  return writer_.defined(
      "index", "tensor::checked_index<" + writer_.indexType_ + ">(" + element + ", " + std::to_string(extent) + ")",
      extent, where);
}

std::string OpWriter::gather(nn::GatherOp op) {
  const int64_t axis = fromZero(static_cast<int64_t>(op.getAxis()), op.getInput());
  const Axes own = axes();
  const auto begin = own.begin() + axis, end = begin + static_cast<std::ptrdiff_t>(shapeOf(op.getIndices()).size());
  const Axes where(begin, end);
  Axes from(own.begin(), begin);
  from.push_back(checkedIndex(at(op.getIndices(), where), shapeOf(op.getInput())[axis], where));
  from.insert(from.end(), end, own.end());
  return moved("gather axis " + std::to_string(axis), op.getInput(), {std::move(from), std::nullopt});
}

std::string OpWriter::gatherElements(nn::GatherElementsOp op) {
  const int64_t axis = fromZero(static_cast<int64_t>(op.getAxis()), op.getInput());
  Axes from = axes();
  from[axis] = checkedIndex(at(op.getIndices(), from), shapeOf(op.getInput())[axis], Axes(from));
  return moved("gather_elements axis " + std::to_string(axis), op.getInput(), {std::move(from), std::nullopt});
}

std::string OpWriter::gatherND(nn::GatherNDOp op) {
  const ArrayRef<int64_t> shape = shapeOf(op.getInput()), indices = shapeOf(op.getIndices());
  const int64_t components = indices.back(), batch = static_cast<int64_t>(op.getBatchDims());
  const Axes own = axes();
  const Axes where(own.begin(), own.begin() + static_cast<std::ptrdiff_t>(indices.size() - 1));
  Axes from(own.begin(), own.begin() + batch);
  for (int64_t component = 0; component < components; ++component) {
    Axes place = where;
    place.emplace_back(component);
    from.push_back(checkedIndex(at(op.getIndices(), place), shape[batch + component], where));
  }
  from.insert(from.end(), own.begin() + static_cast<std::ptrdiff_t>(where.size()), own.end());
  return moved("gather_nd", op.getInput(), {std::move(from), std::nullopt});
}

void OpWriter::update(nn::ScatterFunction function, const std::string &value, const std::string &update) {
  const std::string wide = "tensor::widen(" + update + ")";
  switch (function) {
  case nn::ScatterFunction::Replace:
    return code_.line(value + " = " + wide + ";");
  case nn::ScatterFunction::Add:
    return code_.line(value + " = tensor::sum(" + value + ", " + wide + ");");
  case nn::ScatterFunction::Mul:
    return code_.line(value + " = tensor::product(" + value + ", " + wide + ");");
  case nn::ScatterFunction::Max:
    return code_.line(value + " = tensor::larger(" + value + ", " + wide + ");");
  case nn::ScatterFunction::Min:
    return code_.line(value + " = tensor::smaller(" + value + ", " + wide + ");");
  }
}

std::string OpWriter::scatterElements(nn::ScatterElementsOp op) {
  // Only updates of this line along the axis can concern the element: those with its other indices.
  const ArrayRef<int64_t> updates = shapeOf(op.getUpdates());
  const int64_t axis = fromZero(static_cast<int64_t>(op.getAxis()), value_);
  const Axes own = axes();
  std::string condition;
  for (size_t i = 0; i < own.size(); ++i)
    if (static_cast<int64_t>(i) != axis && own[i].most() >= updates[i])
      condition += (condition.empty() ? "" : " && ") + own[i].text() + " < " + std::to_string(updates[i]);
  const std::string changed = code_.newName("scattered");
  code_.line(computedType(value_) + " " + changed + " = tensor::widen(" + writer_.element(op.getInput(), index_) +
             ");");
  {
    const ScopedCode::Nested inside(code_, "if (" + (condition.empty() ? "true" : condition) + ") {",
                                    CodeScope::Kind::Conditional);
    const Loop loop(*this, std::to_string(updates[axis]), updates[axis]);
    Axes from = own;
    from[axis] = loop.index;
    const IndexExpression place = checkedIndex(at(op.getIndices(), from), shapeOf(value_)[axis], from);
    const ScopedCode::Nested meant(code_, "if (" + place.text() + " == " + own[axis].text() + ") {",
                                   CodeScope::Kind::Conditional);
    update(op.getFunction(), changed, at(op.getUpdates(), from));
  }
  return constant("scatter_elements", ("tensor::narrow<" + elementDeviceType(value_) + ">(").str() + changed + ")");
}

std::string OpWriter::scatterND(nn::ScatterNDOp op) {
  const ArrayRef<int64_t> indices = shapeOf(op.getIndices()), shape = shapeOf(value_);
  const int64_t components = indices.back(), places = elementsOf(indices.drop_back());
  const int64_t run = elementsOf(shape.drop_front(components));
  const Axes own = axes();
  IndexExpression inRun;
  for (size_t axis = components; axis < own.size(); ++axis)
    inRun = inRun * shape[axis] + own[axis];
  const std::string changed = code_.newName("scattered");
  code_.line(computedType(value_) + " " + changed + " = tensor::widen(" + writer_.element(op.getInput(), index_) +
             ");");
  {
    const Loop loop(*this, std::to_string(places), places);
    std::string condition;
    for (int64_t i = 0; i < components; ++i) {
      const IndexExpression place =
          checkedIndex(at(op.getIndices(), loop.index * components + i), shape[i], loop.index);
      condition += (condition.empty() ? "" : " && ") + place.text() + " == " + own[i].text();
    }
    const ScopedCode::Nested meant(code_, "if (" + (condition.empty() ? "true" : condition) + ") {",
                                   CodeScope::Kind::Conditional);
    update(op.getFunction(), changed, at(op.getUpdates(), loop.index * run + inRun));
  }
  return constant("scatter_nd", ("tensor::narrow<" + elementDeviceType(value_) + ">(").str() + changed + ")");
}

std::string OpWriter::tensorScatter(nn::TensorScatterOp op) {
  const int64_t axis = fromZero(static_cast<int64_t>(op.getAxis()), value_);
  const int64_t room = shapeOf(value_)[axis], written = shapeOf(op.getUpdate())[axis];
  const Axes own = axes();
  IndexExpression begin;
  if (op.getWriteIndices()) {
    const int64_t most = op.getCircular() ? int64_t{1} << 31 : room - written + 1;
    begin = writer_.defined("begin",
                            "tensor::checked<int64_t>(" + at(op.getWriteIndices(), Axes{own[0]}) + ", " +
                                std::to_string(most) + ")" + (op.getCircular() ? " % " + std::to_string(room) : ""),
                            op.getCircular() ? room : most, own[0]);
  }
  const IndexExpression distance = own[axis] + begin * -1;
  const IndexExpression place = op.getCircular()
                                    ? writer_.defined("place",
                                                      "tensor::wrapped<" + writer_.indexType_ + ">(" + distance.text() +
                                                          ", " + std::to_string(room) + ")",
                                                      room, {own[axis], begin})
                                    : distance;
  const std::string name = variable("tensor_scatter", "");
  {
    const ScopedCode::Nested isWritten(
        code_, "if (" + place.text() + " >= 0 && " + place.text() + " < " + std::to_string(written) + ") {",
        CodeScope::Kind::Conditional, "");
    Axes from = own;
    from[axis] = place;
    code_.line(name + " = " + at(op.getUpdate(), std::move(from)) + ";");
  }
  const ScopedCode::Nested stays(code_, "} else {", CodeScope::Kind::Conditional);
  code_.line(name + " = " + writer_.element(op.getCache(), index_) + ";");
  return name;
}

} // namespace cadenza
