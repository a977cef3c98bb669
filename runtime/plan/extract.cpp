#include "runtime/plan/extract.h"

#include "runtime/plan/sections.h"
#include "runtime/support/atomic_file.h"

#include <filesystem>
#include <map>

namespace cadenza {
namespace fs = std::filesystem;

StatusOr<std::vector<std::string>> extractPlan(const Plan &plan, const std::string &folder) {
  const std::string program = toJson(plan.program()).dump(1) + "\n", metadata = plan.metadata().dump(1) + "\n";
  std::map<std::string, std::string_view> files = {{"program.json", program}, {"metadata.json", metadata}};
  const std::string decoder = plan.program().decoder ? toJson(*plan.program().decoder).dump(1) + "\n" : "";
  if (!decoder.empty())
    files["decoder.json"] = decoder;
  if (!plan.tokenizerJson().empty())
    files["tokenizer.json"] = plan.tokenizerJson();
  if (!plan.chatJson().empty())
    files["chat.json"] = plan.chatJson();
  if (!plan.generationJson().empty())
    files["generation_config.json"] = plan.generationJson();
  if (!plan.ir().empty())
    files["step.mlir"] = plan.ir();
  for (const CodeSection &code : plan.code()) {
    const std::string extension = code.kind == ImageKind::Host ? "so" : std::string(codeKindName(code.kind));
    std::string_view image = asText(code.image);
    if (code.kind == ImageKind::Ptx)
      image.remove_suffix(1); // the NUL is for the driver
    files[code.target + "." + extension] = image;
  }
  for (const SourceFile &source : plan.sources()) {
    if (!files.emplace(source.path, source.text).second)
      return Status(StatusCode::InvalidPlan,
                    plan.path() + ": sources: '" + source.path + "' has the name of another part of the plan");
  }

  std::vector<std::string> names;
  for (const auto &[name, text] : files) {
    const fs::path path = fs::path(folder) / name; // paths of sources were checked: they stay inside
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    if (error)
      return Status(StatusCode::Io, path.parent_path().string() + ": " + error.message());
    CADENZA_RETURN_IF_ERROR(writeFileAtomically(path.string(), text));
    names.push_back(name);
  }
  return names;
}

} // namespace cadenza
