// What the fields of a program mean together; used by parseProgram once their types and ranges are right.
#pragma once

#include "runtime/plan/program.h"
#include "runtime/support/json.h"

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace cadenza {

/// Checks everything that is not a matter of one field; errors start with "program".
void checkProgram(const Program &program, FieldErrors &errors);

/// The part that concerns entries: their names, ports, blocks and phases. `kernels` are the names of program.kernels.
void checkEntries(const Program &program, const std::set<std::string_view> &kernels, FieldErrors &errors);

/// What makes a program a decoder, and that one without the section has nothing of it. After checkEntries, without
/// errors so far: the one place that knows what the step of a decoder is.
void checkDecoder(const Program &program, FieldErrors &errors);

/// A prefill entry: that it is the decoder's step on a tile of tokens. After the step itself has been checked.
using KernelsByName = std::map<std::string_view, const Kernel *>;
void checkPrefill(const Program &program, uint32_t index, const KernelsByName &kernels, FieldErrors &errors);

/// The launches of a phase that takes a tile of tokens at once, and the order of its sums; isTile: of one that does
/// not, in a prefill, as those of the head.
void checkTileLaunches(const Phase &phase, bool isTile, const KernelsByName &kernels, const std::string &place,
                       FieldErrors &errors);

/// The divisions of the persistent schedule: their kernels, and that the order of sums that each has fits the phases.
/// After checkDecoder, without errors so far.
void checkDivisions(const Program &program, const std::set<std::string_view> &names, FieldErrors &errors);

/// Names of targets of something that exists in code for these alone: different, and no more than a plan has code for.
void checkTargets(const std::vector<std::string> &targets, const std::string &path, FieldErrors &errors);

/// The part that concerns one phase of a block that runs `count` times. Tables have been checked;
/// `kernels` are the names of program.kernels.
void checkPhase(const Program &program, const std::set<std::string_view> &kernels, const Phase &phase, int64_t count,
                const std::string &path, FieldErrors &errors);

/// What a fusion has of its own: its body, op by op, and that its inputs and outputs are of the types of its values.
void checkFusion(const Program &program, const Phase &phase, const std::string &path, FieldErrors &errors);

/// "path[i]"
inline std::string at(const std::string &path, size_t i) { return path + "[" + std::to_string(i) + "]"; }

/// "edge 17 of 9", if there is no such one.
inline bool checkIndex(uint64_t index, size_t count, const std::string &what, const std::string &path,
                       FieldErrors &errors) {
  if (index < count)
    return true;
  errors.add(path, what + " " + std::to_string(index) + " of " + std::to_string(count));
  return false;
}

} // namespace cadenza
