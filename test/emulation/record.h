// What the threads of a run exchange, as lines of a file: CADENZA_EMULATION_RECORD=FILE. For tests that hold a kernel
// against the schedule that it is said to follow.
//
//   launch KERNEL BLOCKS CLUSTER_BLOCKS
//   init BLOCK OFFSET                an mbarrier, by its offset in the block's shared memory
//   send BLOCK THREAD TO OFFSET      st.async to block TO, which is counted at its mbarrier OFFSET
//   wait BLOCK THREAD OFFSET PHASE   a wait at an mbarrier of its own has ended: phase PHASE is over
//   store BLOCK THREAD ADDRESS EPOCH     a packet
//   load BLOCK THREAD ADDRESS EPOCH      a packet, if it is not what the thread has read there before
//
// Lines come in the order in which things happen.
#pragma once

#include <cstdint>
#include <fstream>
#include <map>
#include <string>
#include <utility>

namespace cadenza::emulation {

class Record {
public:
  /// Opens what the environment names, if it names something.
  Record();

  bool isOn() const { return file_.is_open(); }
  void launch(const std::string &kernel, uint32_t blocks, uint32_t clusterBlocks);
  void init(uint32_t block, uint32_t offset);
  void send(uint32_t block, uint32_t thread, uint32_t to, uint32_t offset);
  void wait(uint32_t block, uint32_t thread, uint32_t offset, uint64_t phase);
  void packet(uint32_t block, uint32_t thread, const void *address, uint32_t epoch, bool stored);

private:
  using Thread = std::pair<uint32_t, uint32_t>; // block, thread
  std::ofstream file_;
  std::map<std::pair<Thread, uint32_t>, uint64_t> phases_;     // the last one waited for, plus one
  std::map<std::pair<Thread, const void *>, uint32_t> epochs_; // the last one read
};

} // namespace cadenza::emulation
