// Ranges of host time that profilers such as Nsight Systems show: steps, tiles of prompts, what cadenza-bench measures.
// They are NVTX ranges of the domain "Cadenza" if this is built with CADENZA_NVTX, and nothing otherwise.
#pragma once

#include <cstdint>
#include <string>

namespace cadenza {

/// From where it stands to the end of its scope, on this thread: "NAME NUMBER", or "NAME". Costs a comparison if no
/// profiler is attached.
class ProfileRange {
public:
  explicit ProfileRange(const char *name) noexcept;
  ProfileRange(const char *name, int64_t number) noexcept;
  explicit ProfileRange(const std::string &name) noexcept : ProfileRange(name.c_str()) {}
  ProfileRange(const ProfileRange &) = delete;
  ProfileRange &operator=(const ProfileRange &) = delete;
  ~ProfileRange();
};

} // namespace cadenza
