#include "test/emulation/injection.h"

#include <cstdio>
#include <cstdlib>
#include <sstream>

namespace cadenza::emulation {

Injection::Injection(const std::string &text) {
  std::istringstream stream(text);
  for (std::string rule; std::getline(stream, rule, ',');) {
    char name[64];
    unsigned long long call;
    int code, length = 0;
    if (std::sscanf(rule.c_str(), "%63[^:]:%llu=%d%n", name, &call, &code, &length) != 3 ||
        length != static_cast<int>(rule.size()) || call == 0 || code == 0) {
      std::fprintf(stderr, "cadenza emulation: CADENZA_EMULATION_FAIL: '%s' is not NAME:CALL=ERROR\n", rule.c_str());
      std::exit(2);
    }
    rules_.push_back({name, call, static_cast<CUresult>(code)});
  }
}

CUresult Injection::match(const std::string &name, uint64_t call) const {
  for (const Rule &rule : rules_)
    if (rule.name == name && rule.call == call)
      return rule.code;
  return CUDA_SUCCESS;
}

CUresult Injection::count(const std::string &name) {
  if (rules_.empty())
    return CUDA_SUCCESS;
  const CUresult overall = match("*", ++counts_["*"]);
  const CUresult named = match(name, ++counts_[name]);
  return named != CUDA_SUCCESS ? named : overall;
}

CUresult Injection::countKernel() { return rules_.empty() ? CUDA_SUCCESS : match("kernel", ++counts_["kernel"]); }

} // namespace cadenza::emulation
