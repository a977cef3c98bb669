#include "compiler/import/gguf/weights.h"
#include "compiler/import/convert.h"
#include "compiler/import/gguf/blocks.h"
#include "compiler/import/stored_matrix.h"
#include "compiler/import/text.h"

#include <map>
#include <mutex>

namespace cadenza::gguf {
namespace {

/// Calls `run(first, count, done)` for runs of rows [first, first + count) of the file's tensor that are rows
/// [row + done, ...) of the family's.
template <typename Run> Status forEachRun(const RowOrder &order, int64_t row, int64_t rows, const Run &run) {
  for (int64_t done = 0; done < rows;) {
    const int64_t first = order.fileRow(row + done);
    int64_t count = 1;
    if (order.kind == RowOrder::Kind::same)
      count = rows - done;
    else
      while (done + count < rows && order.fileRow(row + done + count) == first + count)
        ++count;
    CADENZA_RETURN_IF_ERROR(run(first, count, done));
    done += count;
  }
  return Status::ok();
}

uint64_t rowBytes(const Tensor &tensor) {
  return static_cast<uint64_t>(tensor.shape.back() / tensor.type->blockElements) * tensor.type->blockBytes;
}

template <typename T> void append(std::vector<T> &to, const std::vector<T> &from) {
  to.insert(to.end(), from.begin(), from.end());
}

class BlockMatrix : public StoredMatrix {
public:
  BlockMatrix(std::shared_ptr<const File> file, const Tensor &tensor, RowOrder order, int64_t rows)
      : file_(std::move(file)), tensor_(tensor), order_(order), rows_(rows) {}

  StoredFormat format() const override { return *blockFormat(*tensor_.type); }
  int64_t rows() const override { return rows_; }
  int64_t columns() const override { return tensor_.shape.back(); }

  Status read(int64_t first, int64_t count, StoredRows &out) const override {
    out = {};
    return forEachRun(order_, first, count, [&](int64_t row, int64_t rows, int64_t done) -> Status {
      const auto bytes = tensor_.data.subspan(row * rowBytes(tensor_), rows * rowBytes(tensor_));
      StoredRows part;
      if (!readBlocks(*tensor_.type, bytes, part))
        return {StatusCode::InvalidInput, file_->name() + ": tensor " + quotedName(tensor_.name) + ": rows [" +
                                              std::to_string(row) + ", " + std::to_string(row + rows) +
                                              ") have a scale that is not finite"};
      if (done == 0) {
        out = std::move(part);
        return Status::ok();
      }
      append(out.codes, part.codes);
      append(out.scales, part.scales);
      append(out.minima, part.minima);
      append(out.super_scales, part.super_scales);
      append(out.super_minima, part.super_minima);
      append(out.sub_scales, part.sub_scales);
      append(out.sub_minima, part.sub_minima);
      return Status::ok();
    });
  }

private:
  std::shared_ptr<const File> file_;
  const Tensor &tensor_; // of the file
  RowOrder order_;
  int64_t rows_;
};

class Weights : public WeightSource {
public:
  explicit Weights(Model model) : model_(std::move(model)) {}
  std::string describe() const override { return "checkpoint"; }

  const StoredMatrix *stored(const WeightSpec &spec) const override {
    if (spec.shape.size() != 2 || (spec.view && spec.view->transposed)) // the file's rows are the weight's then
      return nullptr;
    std::lock_guard lock(mutex_);
    const auto [entry, isNew] = matrices_.try_emplace(spec.tensor);
    if (isNew)
      entry->second = makeStoredMatrix(model_, spec.tensor, spec.tensorShape().front());
    return entry->second.get();
  }

protected:
  Status readRows(const WeightSpec &spec, int64_t firstRow, int64_t rows, DType dtype,
                  std::span<std::byte> out) const override {
    const Model::Found found = model_.find(spec.tensor);
    if (!found.tensor)
      return {StatusCode::InvalidInput,
              model_.file->name() + ": tensor " + quotedName(found.place.name) + " is missing"};
    Status status;
    spec.forEachRun(firstRow, rows, [&](int64_t first, int64_t count, int64_t done) {
      if (!status.isOk())
        return;
      status = forEachRun(found.place.order, first, count, [&](int64_t row, int64_t run, int64_t before) {
        const int64_t columns = spec.columns();
        std::byte *to = out.data() + static_cast<size_t>((done + before) * columns) * dtypeSize(dtype);
        return readRun(*found.tensor, row, run, columns, spec.dtype, dtype, to);
      });
    });
    return status;
  }

  uint64_t storedNonFinite(const WeightSpec &spec, int64_t firstRow, int64_t rows) const override {
    const Tensor *tensor = model_.find(spec.tensor).tensor; // readRows has looked at it
    if (!tensor->type->dtype())
      return 0; // a block's values are finite if its scale is
    WeightSpec stored = spec;
    stored.dtype = *tensor->type->dtype();
    std::vector<std::byte> values(static_cast<size_t>(rows * spec.columns()) * dtypeSize(stored.dtype));
    if (!readRows(stored, firstRow, rows, stored.dtype, values).isOk())
      return 0;
    return countNonFinite(stored.dtype, values);
  }

private:
  /// Rows of the file's tensor, or elements of a vector.
  Status readRun(const Tensor &tensor, int64_t row, int64_t rows, int64_t columns, DType via, DType dtype,
                 std::byte *out) const {
    const auto count = static_cast<size_t>(rows * columns);
    if (const auto stored = tensor.type->dtype()) {
      convert(tensor.data.data() + static_cast<size_t>(row * columns) * dtypeSize(*stored), *stored, via, dtype, out,
              count);
      return Status::ok();
    }
    const BlockMatrix matrix(model_.file, tensor, {}, tensor.shape.front());
    StoredRows codes;
    CADENZA_RETURN_IF_ERROR(matrix.read(row, rows, codes));
    std::vector<float> values(count);
    dequantize(matrix.format(), codes, columns, values.data());
    convert(reinterpret_cast<const std::byte *>(values.data()), DType::f32, via, dtype, out, count);
    return Status::ok();
  }

  Model model_;
  mutable std::mutex mutex_;                                              // of matrices_
  mutable std::map<std::string, std::unique_ptr<StoredMatrix>> matrices_; // by the family's name
};

} // namespace

Model::Found Model::find(std::string_view tensor) const {
  std::optional<TensorPlace> place = architecture->place(tensor, heads);
  if (!place)
    return {};
  Found found{*place, file->findTensor(place->name), false};
  const int64_t queries = heads.heads * heads.headDim, keys = heads.kvHeads * heads.headDim;
  const std::pair<std::string_view, int64_t> parts[] = {
      {".attn_q.", 0}, {".attn_k.", queries}, {".attn_v.", queries + keys}};
  for (const auto &[part, first] : parts) {
    const size_t at = place->name.find(part);
    if (found.tensor || at == std::string::npos)
      continue;
    std::string fused = place->name;
    fused.replace(at, part.size(), ".attn_qkv.");
    if (const Tensor *all = file->findTensor(fused)) {
      found = {{fused, place->order}, all, true};
      found.place.order.first = first;
    }
  }
  return found;
}

std::unique_ptr<StoredMatrix> makeStoredMatrix(const Model &model, std::string_view tensor, int64_t rows) {
  const Model::Found found = model.find(tensor);
  if (!found.tensor || !found.tensor->type->isQuantized())
    return nullptr;
  return std::make_unique<BlockMatrix>(model.file, *found.tensor, found.place.order, rows);
}

std::unique_ptr<WeightSource> makeWeights(const Model &model) { return std::make_unique<Weights>(model); }

DType modelDType(const File &file) {
  uint64_t half = 0, other = 0; // bytes
  for (const auto &[name, tensor] : file.tensors())
    (tensor.type->dtype() == DType::f16 ? half : other) += tensor.data.size();
  return half > other ? DType::f16 : DType::bf16;
}

} // namespace cadenza::gguf
