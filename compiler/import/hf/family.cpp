#include "compiler/import/hf/family.h"
#include "compiler/import/hf/unsupported_architectures.h"
#include "compiler/import/text.h"

#include <algorithm>

// The build writes one CADENZA_FAMILY(name) for each file in families/.
namespace cadenza::families {
#define CADENZA_FAMILY(name) const Family &name();
#include "compiler/import/hf/families.inc"
#undef CADENZA_FAMILY
} // namespace cadenza::families

namespace cadenza {

const std::vector<const Family *> &allFamilies() {
  static const std::vector<const Family *> all = {
#define CADENZA_FAMILY(name) &families::name(),
#include "compiler/import/hf/families.inc"
#undef CADENZA_FAMILY
  };
  return all;
}

const Family *findFamily(std::string_view architecture) {
  for (const Family *family : allFamilies()) {
    const auto &names = family->architectures;
    if (std::find(names.begin(), names.end(), architecture) != names.end())
      return family;
  }
  return nullptr;
}

namespace {

/// Refuses by name: with what is missing, if the architecture is known at all.
void refuseArchitecture(ConfigReader &reader, const std::string &architecture) {
  const std::string_view kind = unsupportedArchitecture(architecture);
  std::string message = reader.where("architectures") + " " + quotedName(architecture) + " is not supported";
  if (kind.empty())
    message += " (" + supportedArchitectures() + " are): docs/add-a-family.md";
  else
    message += ": it is " + std::string(kind);
  reader.findings().unsupported(message);
}

} // namespace

const Family *readFamily(ConfigReader &reader) {
  Findings &findings = reader.findings();
  const size_t before = findings.errors();
  const std::optional<std::string> architecture = readArchitecture(reader);
  const std::optional<std::string> type = reader.string("model_type");
  if (findings.errors() != before)
    return nullptr;
  const auto &all = allFamilies();
  const auto named = std::find_if(all.begin(), all.end(), [&](const Family *family) {
    const auto &others = family->otherTypes;
    return type && (*type == family->name || std::find(others.begin(), others.end(), *type) != others.end());
  });
  const Family *byType = named == all.end() ? nullptr : *named;
  if (architecture) {
    const Family *family = findFamily(*architecture);
    if (!family)
      refuseArchitecture(reader, *architecture);
    else if (byType && byType != family)
      findings.invalid(reader.where("architectures") + " " + quotedName(*architecture) + " contradicts model_type " +
                       quotedName(*type));
    return findings.errors() == before ? family : nullptr;
  }
  if (byType)
    findings.notice(reader.where("architectures") + " is missing; model_type " + quotedName(*type) + " makes it " +
                    std::string(byType->architectures.front()));
  else if (type)
    findings.unsupported(reader.where("model_type") + " " + quotedName(*type) + " is not supported (" +
                         supportedArchitectures() + " are): docs/add-a-family.md");
  else
    findings.invalid(reader.where("architectures") + " is missing, and model_type, too");
  return byType;
}

std::string supportedArchitectures() {
  std::string list;
  for (const Family *family : allFamilies()) {
    for (std::string_view name : family->architectures)
      list += (list.empty() ? "" : ", ") + std::string(name);
  }
  return list;
}

} // namespace cadenza
