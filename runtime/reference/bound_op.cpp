#include "runtime/reference/bound_op.h"

#include "runtime/reference/infer.h"
#include "runtime/reference/packed.h"
#include "runtime/reference/reference.h"
#include "runtime/support/json.h"

#include <set>

namespace cadenza::nn::reference {
namespace {

using Specs = std::span<const TensorSpec>;
using Views = std::span<const TensorView>;

/// The attributes of one op. What nobody asks for is unknown.
class Attributes {
public:
  explicit Attributes(const nlohmann::json &attributes) : reader_(attributes, "attributes", errors_) {}

  int64_t integer(const char *name) { return number(field(name)); }
  double real(const char *name) { return field(name).number(); }
  bool flag(const char *name) { return has(name) && field(name).boolean(); }
  Shape integers(const char *name) { return field(name).list<int64_t>(number); }
  Shape integers(const char *name, Shape otherwise) { return has(name) ? integers(name) : std::move(otherwise); }
  template <typename Function> Function function(const char *name) {
    return static_cast<Function>(field(name).oneOf(names(Function{})));
  }

  Status status() const {
    if (!errors_.none() || !reader_.value().is_object())
      return errors_.none() ? invalid("attributes are no object") : errors_.status();
    for (const auto &[name, value] : reader_.value().items())
      if (!known_.contains(name))
        return invalid("there is no attribute '" + name + "'");
    return Status::ok();
  }

private:
  static int64_t number(const JsonReader &reader) {
    constexpr int64_t largest = int64_t{1} << 40; // beyond all tensors; keeps sums from overflowing
    return reader.integer(-largest, largest);
  }
  bool has(const char *name) {
    known_.emplace(name);
    return reader_.value().is_object() && reader_.value().contains(name);
  }
  JsonReader field(const char *name) {
    known_.emplace(name);
    return reader_[name];
  }

  FieldErrors errors_{StatusCode::InvalidInput};
  JsonReader reader_;
  std::set<std::string, std::less<>> known_;
};

/// An op with one result, of the two calls that type and compute it.
template <typename Infer, typename Evaluate> BoundOp bound(const Infer &infer, const Evaluate &evaluate) {
  return {[infer](Specs x) -> StatusOr<std::vector<TensorSpec>> {
            CADENZA_ASSIGN_OR_RETURN(TensorSpec spec, infer(x));
            return std::vector<TensorSpec>{std::move(spec)};
          },
          [evaluate](Views x) -> StatusOr<std::vector<TensorValue>> {
            CADENZA_ASSIGN_OR_RETURN(TensorValue value, evaluate(x));
            std::vector<TensorValue> values;
            values.push_back(std::move(value));
            return values;
          }};
}
// The two calls, of operands `x`. They copy the attributes that they name.
#define CADENZA_TWO(inferred, evaluated) bound([=](Specs x) { return inferred; }, [=](Views x) { return evaluated; })
#define CADENZA_ONE(call) CADENZA_TWO(infer::call, reference::call)

/// The operand at `i`, null if it was left out.
template <typename T> const T *optional(std::span<const T> x, size_t i) { return x.size() > i ? &x[i] : nullptr; }

StatusOr<TensorSpec> castType(const TensorSpec &x, ElementType type) { return TensorSpec{type, x.shape}; }

StatusOr<TensorSpec> triluType(const TensorSpec &x, const TensorSpec &k) {
  if (!isInteger(k.element) || k.rank() != 0)
    return invalid("k is a scalar, an integer, not " + text(k));
  return infer::trilu(x);
}

BoundOp topkOp(int64_t k, int64_t axis, bool largest) {
  return {[=](Specs x) -> StatusOr<std::vector<TensorSpec>> {
            CADENZA_ASSIGN_OR_RETURN(const TensorSpec values, infer::topk(x[0], k, axis));
            return std::vector<TensorSpec>{values, {ElementType::i64, values.shape}};
          },
          [=](Views x) -> StatusOr<std::vector<TensorValue>> {
            CADENZA_ASSIGN_OR_RETURN(auto both, topk(x[0], k, axis, largest));
            std::vector<TensorValue> values;
            values.push_back(std::move(both.first));
            values.push_back(std::move(both.second));
            return values;
          }};
}

struct Row {
  std::string_view name;
  size_t fewest, most; // operands
  size_t results;
  BoundOp (*bind)(Attributes &attributes, Specs results);
};

constexpr size_t any = SIZE_MAX;

/// In the order of reference.h.
constexpr Row rows[] = {
    {"unary", 1, 1, 1,
     [](Attributes &a, Specs) {
       const auto function = a.function<UnaryFunction>("function");
       return CADENZA_ONE(unary(function, x[0]));
     }},
    {"binary", 2, 2, 1,
     [](Attributes &a, Specs) {
       const auto function = a.function<BinaryFunction>("function");
       return CADENZA_ONE(binary(function, x[0], x[1]));
     }},
    {"where", 3, 3, 1, [](Attributes &, Specs) { return CADENZA_ONE(where(x[0], x[1], x[2])); }},
    {"cast", 1, 1, 1,
     [](Attributes &, Specs results) {
       const ElementType type = results[0].element;
       return CADENZA_TWO(castType(x[0], type), cast(x[0], type));
     }},
    {"reshape", 1, 1, 1,
     [](Attributes &, Specs results) {
       const Shape shape = results[0].shape;
       return CADENZA_ONE(reshape(x[0], shape));
     }},
    {"transpose", 1, 1, 1,
     [](Attributes &a, Specs) {
       const Shape permutation = a.integers("permutation");
       return CADENZA_ONE(transpose(x[0], permutation));
     }},
    {"slice", 1, 1, 1,
     [](Attributes &a, Specs) {
       const Shape starts = a.integers("static_starts"), sizes = a.integers("static_sizes");
       const Shape steps = a.integers("steps", Shape(starts.size(), 1));
       return CADENZA_ONE(slice(x[0], starts, sizes, steps));
     }},
    {"concat", 1, any, 1,
     [](Attributes &a, Specs) {
       const int64_t axis = a.integer("axis");
       return CADENZA_ONE(concat(x, axis));
     }},
    {"expand", 1, 1, 1,
     [](Attributes &, Specs results) {
       const Shape shape = results[0].shape;
       return CADENZA_ONE(expand(x[0], shape));
     }},
    {"pad", 1, 2, 1,
     [](Attributes &a, Specs) {
       const Shape begins = a.integers("begins"), ends = a.integers("ends");
       const auto mode = a.function<PadMode>("mode");
       return CADENZA_ONE(pad(x[0], begins, ends, mode, optional(x, 1)));
     }},
    {"trilu", 2, 2, 1,
     [](Attributes &a, Specs) {
       const bool upper = a.flag("upper");
       return CADENZA_TWO(triluType(x[0], x[1]), trilu(x[0], upper, integers(x[1]).front()));
     }},
    {"range", 3, 3, 1, [](Attributes &, Specs) { return CADENZA_ONE(range(x[0], x[1], x[2])); }},

    {"gather", 2, 2, 1,
     [](Attributes &a, Specs) {
       const int64_t axis = a.integer("axis");
       return CADENZA_ONE(gather(x[0], x[1], axis));
     }},
    {"gather_elements", 2, 2, 1,
     [](Attributes &a, Specs) {
       const int64_t axis = a.integer("axis");
       return CADENZA_ONE(gatherElements(x[0], x[1], axis));
     }},
    {"gather_nd", 2, 2, 1,
     [](Attributes &a, Specs) {
       const int64_t batchDims = a.integer("batch_dims");
       return CADENZA_ONE(gatherND(x[0], x[1], batchDims));
     }},
    {"scatter_elements", 3, 3, 1,
     [](Attributes &a, Specs) {
       const int64_t axis = a.integer("axis");
       const auto function = a.function<ScatterFunction>("function");
       return CADENZA_ONE(scatterElements(x[0], x[1], x[2], axis, function));
     }},
    {"scatter_nd", 3, 3, 1,
     [](Attributes &a, Specs) {
       const auto function = a.function<ScatterFunction>("function");
       return CADENZA_ONE(scatterND(x[0], x[1], x[2], function));
     }},
    {"tensor_scatter", 2, 3, 1,
     [](Attributes &a, Specs) {
       const int64_t axis = a.integer("axis");
       const bool circular = a.flag("circular");
       return CADENZA_TWO(infer::tensorScatter(x[0], x[1], optional(x, 2), axis),
                          tensorScatter(x[0], x[1], optional(x, 2), axis, circular));
     }},

    {"reduce", 1, 1, 1,
     [](Attributes &a, Specs) {
       const auto function = a.function<ReduceFunction>("function");
       const Shape axes = a.integers("axes");
       const bool keepDims = a.flag("keep_dims");
       return CADENZA_ONE(reduce(function, x[0], axes, keepDims));
     }},
    {"arg_reduce", 1, 1, 1,
     [](Attributes &a, Specs) {
       const auto function = a.function<ArgFunction>("function");
       const int64_t axis = a.integer("axis");
       const bool keepDims = a.flag("keep_dims"), last = a.flag("last");
       return CADENZA_TWO(infer::argReduce(x[0], axis, keepDims), argReduce(function, x[0], axis, keepDims, last));
     }},
    {"softmax", 1, 1, 1,
     [](Attributes &a, Specs) {
       const int64_t axis = a.integer("axis");
       return CADENZA_ONE(softmax(x[0], axis));
     }},
    {"log_softmax", 1, 1, 1,
     [](Attributes &a, Specs) {
       const int64_t axis = a.integer("axis");
       return CADENZA_TWO(infer::softmax(x[0], axis), logSoftmax(x[0], axis));
     }},
    {"cumsum", 1, 1, 1,
     [](Attributes &a, Specs) {
       const int64_t axis = a.integer("axis");
       const bool exclusive = a.flag("exclusive"), reverse = a.flag("reverse");
       return CADENZA_TWO(infer::cumsum(x[0], axis), cumsum(x[0], axis, exclusive, reverse));
     }},
    {"topk", 1, 1, 2,
     [](Attributes &a, Specs) { return topkOp(a.integer("k"), a.integer("axis"), !a.flag("smallest")); }},

    {"matmul", 2, 2, 1, [](Attributes &, Specs) { return CADENZA_ONE(matmul(x[0], x[1])); }},
    {"layer_normalization", 2, 3, 1,
     [](Attributes &a, Specs) {
       const int64_t axis = a.integer("axis");
       const double eps = a.real("eps");
       return CADENZA_TWO(infer::normalization(x[0], x[1], optional(x, 2), axis),
                          layerNormalization(x[0], x[1], optional(x, 2), axis, eps));
     }},
    {"rms_normalization", 2, 2, 1,
     [](Attributes &a, Specs) {
       const int64_t axis = a.integer("axis");
       const double eps = a.real("eps");
       return CADENZA_TWO(infer::normalization(x[0], x[1], nullptr, axis), rmsNormalization(x[0], x[1], axis, eps));
     }},
};

bool agree(const TensorSpec &inferred, const TensorSpec &declared) {
  if (inferred.element != declared.element || inferred.shape.size() != declared.shape.size())
    return false;
  for (size_t axis = 0; axis < inferred.shape.size(); ++axis)
    if (inferred.shape[axis] != unknownExtent && inferred.shape[axis] != declared.shape[axis])
      return false;
  return true;
}

} // namespace

StatusOr<BoundOp> bindOp(std::string_view name, const nlohmann::json &attributes, size_t operands, Specs results) {
  for (const Row &row : rows) {
    if (row.name != name)
      continue;
    if (operands < row.fewest || operands > row.most)
      return invalid(std::string(name) + " does not take " + std::to_string(operands) + " operands");
    if (results.size() != row.results)
      return invalid(std::string(name) + " does not have " + std::to_string(results.size()) + " results");
    Attributes reader(attributes);
    BoundOp op = row.bind(reader, results);
    CADENZA_RETURN_IF_ERROR(reader.status().withPrefix(std::string(name)));
    return op;
  }
  return invalid("there is no op '" + std::string(name) + "' on tensors");
}

Status checkTypes(const BoundOp &op, Specs operands, Specs results) {
  CADENZA_ASSIGN_OR_RETURN(const std::vector<TensorSpec> inferred, op.infer(operands));
  for (size_t i = 0; i < results.size(); ++i)
    if (!agree(inferred[i], results[i]))
      return invalid("result " + std::to_string(i) + " is " + text(inferred[i]) + ", declared as " + text(results[i]));
  return Status::ok();
}

} // namespace cadenza::nn::reference
