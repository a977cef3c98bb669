// Exchange of partial sums between groups, through packets in global memory: payload and epoch are one 16-byte access,
// so a reader that sees the epoch has the payload, and nobody counts arrivals.
//
// A warp publishes the 8 rows of a stripe (stream_project.cuh) in three packets of three (the last has two), so that a
// row goes from the register of the lane that summed it to its packet by shuffles.
#pragma once

#include "arch_async.cuh"
#include "arch_exchange.cuh"
#include "shared/encoding.h"
#include "shared/shares.h"
#include "tile.cuh"

namespace cadenza {

/// `rows` is a multiple of 8.
CADENZA_DEVICE constexpr int packets_for(int rows) { return rows / stripe_rows * stripe_packets; }

/// Publishes the values of 8 rows, row g in lanes 4g .. 4g+3; all lanes of a warp. `slots` are those of the stripe.
CADENZA_DEVICE void publish_stripe(arch::Packet *slots, uint32_t value, uint32_t epoch) {
  const int first = static_cast<int>(arch::lane()) * packet_rows;
  arch::Packet packet;
#pragma unroll
  for (int i = 0; i < packet_rows; ++i)
    packet.payload[i] = arch::shuffle(value, 4 * (first + i)); // beyond row 7: some other one, never read
  packet.epoch = epoch;
  if (arch::lane() < stripe_packets)
    arch::store_packet(slots + arch::lane(), packet);
}

/// The sums of the payloads of `sources` packets, which lie `stride` packets apart, in their order: packet_rows floats.
/// All that are missing are polled together, so that their latencies overlap; or all, if polls_all: more traffic, no
/// branches. spin(poll) waits until poll() is true.
template <int sources, bool polls_all, class Spin>
CADENZA_DEVICE void sum_packets(const arch::Packet *from, int stride, uint32_t epoch, Spin spin,
                                float (&sum)[packet_rows]) {
  arch::Packet packet[sources];
#pragma unroll
  for (int s = 0; s < sources; ++s)
    packet[s] = arch::load_packet(from + s * stride);
  spin([&] {
    bool all = true;
#pragma unroll
    for (int s = 0; s < sources; ++s)
      if (packet[s].epoch != epoch) {
        if constexpr (!polls_all)
          packet[s] = arch::load_packet(from + s * stride);
        all = false;
      }
    if constexpr (polls_all) {
      if (all)
        return true;
#pragma unroll
      for (int s = 0; s < sources; ++s)
        packet[s] = arch::load_packet(from + s * stride);
    }
    return all;
  });
#pragma unroll
  for (int s = 0; s < sources; ++s)
#pragma unroll
    for (int e = 0; e < packet_rows; ++e)
      sum[e] = s == 0 ? arch::as_float(packet[s].payload[e]) : sum[e] + arch::as_float(packet[s].payload[e]);
}

/// Collects `count` packets: packet i, of words_of(i) words (none: it does not exist), from address(i) in global
/// memory; take(i, packet) gets it. `at_once` packets a thread are polled together, so that their latencies overlap.
/// spin(poll) waits until poll() is true.
template <int at_once, class Team, class WordsOf, class Address, class Take, class Spin>
CADENZA_DEVICE void collect_packets(int count, uint32_t epoch, WordsOf words_of, Address address, Take take,
                                    Spin spin) {
  for (int base = Team::thread(); base < count; base += at_once * Team::threads) {
    const arch::Packet *from[at_once];
    arch::Packet packet[at_once];
    bool here[at_once];
#pragma unroll
    for (int i = 0; i < at_once; ++i) {
      const int index = base + i * Team::threads;
      here[i] = index >= count || words_of(index) == 0;
      from[i] = address(here[i] ? 0 : index);
      packet[i] = arch::load_packet(from[i]);
    }
    spin([&] {
      bool all = true;
#pragma unroll
      for (int i = 0; i < at_once; ++i) {
        if (here[i])
          continue;
        if (packet[i].is(epoch, words_of(base + i * Team::threads))) {
          here[i] = true;
          take(base + i * Team::threads, packet[i]);
        } else {
          all = false;
          packet[i] = arch::load_packet(from[i]); // all that are missing are asked for again together
        }
      }
      return all;
    });
  }
}

} // namespace cadenza
