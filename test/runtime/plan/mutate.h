// Plans that are wrong but carry right checksums.
#pragma once

#include "runtime/plan/format.h"

#include <cstddef>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace cadenza::testing {

/// Recomputes the checksum of every section that lies inside the file, and the header's.
void repairChecksums(std::span<std::byte> plan);

/// A copy of `plan` whose header page `edit` has changed, with repaired checksums.
std::vector<std::byte> withHeader(std::span<const std::byte> plan,
                                  const std::function<void(format::HeaderPage &)> &edit);

/// A copy of `plan` in which section `index` has the given contents (the sections after it move).
std::vector<std::byte> withSection(std::span<const std::byte> plan, size_t index, std::string_view contents);

/// The index of the first section of a kind.
size_t sectionIndex(std::span<const std::byte> plan, format::SectionKind kind);
/// The bytes of a section.
std::string_view sectionText(std::span<const std::byte> plan, size_t index);

} // namespace cadenza::testing
