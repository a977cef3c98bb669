// Failures on demand: CADENZA_EMULATION_FAIL="cuMemAlloc:3=2,*:40=999,kernel:7=700" makes the third cuMemAlloc return
// error 2, the fortieth driver call of any kind error 999, and the seventh executed kernel fault with the sticky
// error 700. Names are without version suffix.
#pragma once

#include "test/emulation/driver_abi.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace cadenza::emulation {

class Injection {
public:
  Injection() = default;
  /// Ends the process with a message when `text` cannot be read: a test must not run with a failure left out.
  explicit Injection(const std::string &text);

  /// Counts a call of `name` (and a call overall); what it must fail with, or success.
  CUresult count(const std::string &name);
  /// Counts an executed kernel; the fault it must end with, or success.
  CUresult countKernel();

private:
  struct Rule {
    std::string name;
    uint64_t call;
    CUresult code;
  };
  CUresult match(const std::string &name, uint64_t call) const;

  std::vector<Rule> rules_;
  std::map<std::string, uint64_t> counts_;
};

} // namespace cadenza::emulation
