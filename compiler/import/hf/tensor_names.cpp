#include "compiler/import/hf/tensor_names.h"
#include "compiler/import/text.h"

#include <algorithm>

namespace cadenza {
namespace {

bool isHead(std::string_view name) { return name.starts_with("lm_head.") || name.starts_with("embed_out."); }
bool isLayer(std::string_view name) { return name.starts_with("layers.") || name.starts_with("h."); }

/// Renames by `newName` and says of those that changed: "12 tensors have '_orig_mod.' before their name ('...')".
template <typename NewName>
void renameAndNote(Checkpoint &checkpoint, const std::string &what, const NewName &newName, Findings &findings) {
  size_t changed = 0;
  std::string first;
  checkpoint.rename([&](const std::string &name) {
    std::string other = newName(name);
    if (other != name && changed++ == 0)
      first = name;
    return other;
  });
  if (changed != 0)
    findings.notice("checkpoint: " + std::to_string(changed) + (changed == 1 ? " tensor has " : " tensors have ") +
                    what + ", which makes no difference; the first is " + quotedName(first));
}

} // namespace

void recogniseNames(Checkpoint &checkpoint, std::string_view base, std::string_view head, Findings &findings) {
  const auto without = [](std::string_view prefix) {
    return [prefix](const std::string &name) { return name.starts_with(prefix) ? name.substr(prefix.size()) : name; };
  };
  for (std::string_view wrapper : {"_orig_mod.", "module."})
    renameAndNote(checkpoint, "'" + std::string(wrapper) + "' before the name", without(wrapper), findings);
  constexpr std::string_view text = "language_model.";
  renameAndNote(checkpoint, "'language_model.' before the name", without(text), findings);
  const std::string inner = std::string(base) + std::string(text);
  renameAndNote(
      checkpoint, "'" + inner + "' before the name",
      [&](const std::string &name) {
        return name.starts_with(inner) ? std::string(base) + name.substr(inner.size()) : name;
      },
      findings);

  const auto any = [&checkpoint](auto &&is) {
    const auto &tensors = checkpoint.tensors();
    return std::any_of(tensors.begin(), tensors.end(), [&](const auto &entry) { return is(entry.first); });
  };
  if (any(isLayer) && !any([&](const std::string &name) { return name.starts_with(base); }))
    renameAndNote(
        checkpoint, "no '" + std::string(base) + "' before the name",
        [&](const std::string &name) { return isHead(name) ? name : std::string(base) + name; }, findings);

  const std::string_view other = head == "lm_head" ? "embed_out" : "lm_head";
  renameAndNote(
      checkpoint, "'" + std::string(other) + ".' for '" + std::string(head) + ".'",
      [&](const std::string &name) {
        return isHead(name) && name.starts_with(other) ? std::string(head) + name.substr(other.size()) : name;
      },
      findings);
}

} // namespace cadenza
