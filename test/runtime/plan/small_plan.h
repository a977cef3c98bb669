// A whole plan of a few pages: two layers of a tiny model, two targets, sources, tokenizer, IR. For tests only; its
// code is not executable.
#pragma once

#include "runtime/plan/plan.h"
#include "test/temporary_folder.h"

#include <string>
#include <vector>

namespace cadenza::testing {

/// Fills each weight with bytes that depend on its index and place.
class CountingPacker : public WeightPacker {
public:
  Status pack(uint32_t index, std::span<std::byte> out) override;
};

/// Sections "", ".text", ".shstrtab" and one segment, in the layout of a cubin or shared object.
std::vector<std::byte> smallElf(uint16_t machine);

Program smallProgram();
/// smallProgram with a prefill of 16 tokens as its second entry.
Program prefillProgram();
/// Two products of three tokens, no decoder: x -> h, y.
Program graphProgram();

/// Keeps alive what PlanContents points to.
struct SmallPlan {
  SmallPlan();
  SmallPlan(const SmallPlan &) = delete;

  Program program = smallProgram();
  std::vector<std::byte> cubin;
  std::string ptx;
  CountingPacker packer;
  PlanContents contents;
};

using test::TemporaryFolder;

std::vector<std::byte> readFile(const std::string &path);
void writeFile(const std::string &path, std::span<const std::byte> bytes);
/// The bytes of SmallPlan, written once a process.
const std::vector<std::byte> &smallPlanBytes();

} // namespace cadenza::testing
