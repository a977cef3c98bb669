#include "compiler/import/onnx/read_model.h"
#include "compiler/import/onnx/graph_builder.h"
#include "compiler/import/onnx/onnx_proto.h"
#include "compiler/import/onnx/shapes/conditions.h"
#include "compiler/import/onnx/skeleton.h"
#include "compiler/import/text.h"
#include "runtime/support/mapped_file.h"

#include <filesystem>

namespace cadenza::onnx {
namespace {

/// From this IR version on a model has opset imports, without which its operators mean nothing.
constexpr int64_t oldestIrVersion = 3;
constexpr int64_t newestIrVersion = ::onnx::IR_VERSION;

void readHeader(const ::onnx::ModelProto &proto, Model &model, Findings &findings) {
  const std::string where = model.file + ": ";
  model.irVersion = proto.ir_version();
  model.producer = proto.producer_name() + (proto.producer_version().empty() ? "" : " " + proto.producer_version());
  if (!proto.has_ir_version() || model.irVersion < 1)
    findings.invalid(where + "ir_version is missing");
  else if (model.irVersion < oldestIrVersion || model.irVersion > newestIrVersion)
    findings.unsupported(where + "ir_version " + std::to_string(model.irVersion) + " is not supported (" +
                         std::to_string(oldestIrVersion) + " to " + std::to_string(newestIrVersion) + " are)");
  if (proto.opset_import().empty() && model.irVersion >= oldestIrVersion)
    findings.invalid(where + "opset_import is missing: nothing says what the operators mean");
  model.opsets = readOpsets(proto.opset_import(), where, findings);
}

} // namespace

bool isModelFile(const std::string &path) { return path.ends_with(".onnx"); }

std::optional<Model> readModel(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                               const std::string &file, const std::string &directory, Findings &findings,
                               const ReadOptions &options) {
  Model model;
  model.file = escaped(file, 80);
  StatusOr<Skeleton> skeleton = skeletonOf(bytes);
  if (!skeleton.isOk()) {
    findings.add(skeleton.status().withPrefix(model.file));
    return std::nullopt;
  }
  ::onnx::ModelProto proto;
  if (!proto.ParseFromArray(skeleton->message.data(), static_cast<int>(skeleton->message.size()))) {
    findings.invalid(model.file + ": is no ONNX model: protobuf cannot parse it");
    return std::nullopt;
  }
  std::string().swap(skeleton->message);
  readHeader(proto, model, findings);
  if (!proto.has_graph()) {
    findings.invalid(model.file + ": graph is missing");
    return std::nullopt;
  }
  TensorReader tensors(std::move(skeleton->pieces), std::move(owner), ExternalData(directory));
  std::optional<Conditions> conditions; // few models have any
  const auto decide = [&](ValueId value) {
    if (!conditions)
      conditions.emplace(model, AnalysisOptions{.dims = options.dims});
    return conditions->valueOf(value);
  };
  GraphBuilder(model, tensors, decide, findings).build(proto);
  return model;
}

std::optional<Model> readModel(const std::string &path, Findings &findings, const ReadOptions &options) {
  StatusOr<MappedFile> mapped = MappedFile::open(path);
  if (!mapped.isOk()) {
    findings.add(mapped.status());
    return std::nullopt;
  }
  auto file = std::make_shared<const MappedFile>(std::move(*mapped));
  const std::filesystem::path place(path);
  const std::string directory = place.has_parent_path() ? place.parent_path().string() : ".";
  return readModel(file->bytes(), file, place.filename().string(), directory, findings, options);
}

} // namespace cadenza::onnx
