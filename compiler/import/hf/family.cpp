#include "compiler/import/hf/family.h"

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

std::string supportedArchitectures() {
  std::string list;
  for (const Family *family : allFamilies()) {
    for (std::string_view name : family->architectures)
      list += (list.empty() ? "" : ", ") + std::string(name);
  }
  return list;
}

} // namespace cadenza
