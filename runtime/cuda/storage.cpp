#include "runtime/cuda/storage.h"

#include "runtime/cuda/upload.h"
#include "runtime/decode/cache_fill.h"
#include "runtime/decode/rope_table.h"
#include "runtime/plan/plan.h"
#include "runtime/shared/shares.h"
#include "runtime/shared/state.h"
#include "runtime/support/checked.h"
#include "runtime/support/float16.h"
#include "runtime/support/workers.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>

namespace cadenza::cuda {
namespace {

Status tooLarge(std::string_view what) {
  return Status(StatusCode::OutOfMemory, std::string(what) + ": the size does not fit into 64 bits");
}

/// The bytes of the key (or value) tensor of `cache`: [kv_heads][cachePositions][head_dim].
StatusOr<uint64_t> tensorBytes(const Cache &cache, int64_t context) {
  int64_t shape[] = {cache.kvHeads, cachePositions(cache, context), cache.headDim};
  auto bytes = checked::byteSize(shape, dtypeSize(cache.dtype));
  if (!bytes)
    return tooLarge("KV cache");
  return *bytes;
}

void storeAs(DType dtype, float value, std::byte *out) {
  if (dtype == DType::f32) {
    std::memcpy(out, &value, sizeof value);
  } else {
    uint16_t bits = dtype == DType::bf16 ? floatToBf16(value) : floatToF16(value);
    std::memcpy(out, &bits, sizeof bits);
  }
}

/// Calls body(begin, end) for slices of [0, count), on several threads where that pays.
void inParallel(uint64_t count, const std::function<void(uint64_t, uint64_t)> &body) {
  constexpr uint64_t minimumSlice = 1 << 18;
  const uint64_t slices = std::clamp<uint64_t>(count / minimumSlice, 1, threadCount(0));
  std::atomic<uint64_t> next{0};
  runWorkers(slices, [&] {
    for (uint64_t i; (i = next++) < slices;)
      body(count * i / slices, count * (i + 1) / slices);
  });
}

} // namespace

StatusOr<uint64_t> Storage::allocate(Device &device, uint64_t bytes, std::string_view what,
                                     uint64_t MemoryUse::*purpose) {
  CADENZA_ASSIGN_OR_RETURN(DeviceBuffer buffer, DeviceBuffer::make(device, bytes, what));
  uint64_t address = buffer.get();
  memory_.*purpose += bytes;
  buffers_.push_back(std::move(buffer));
  return address;
}

Status Storage::allocateCaches(Device &device, const Program &program, int64_t context) {
  for (const Cache &cache : program.caches) {
    CADENZA_ASSIGN_OR_RETURN(uint64_t bytes, tensorBytes(cache, context));
    for (auto *addresses : {&addresses_.cacheKeys, &addresses_.cacheValues}) {
      CADENZA_ASSIGN_OR_RETURN(uint64_t address, allocate(device, bytes, "the KV cache", &MemoryUse::cache));
      addresses->push_back(address);
    }
  }
  return Status::ok();
}

Status Storage::zero(Device &device, CUstream stream) {
  // Kernels may load whole vectors around what they need (and multiply it by zero): garbage could be NaN.
  for (const DeviceBuffer &buffer : buffers_)
    if (buffer.bytes() > 0)
      CADENZA_CUDA_TRY(device, cuMemsetD8Async, buffer.get(), 0, buffer.bytes(), stream);
  return Status::ok();
}

Status Storage::uploadWeights(Device &device, CUstream stream, const Plan &plan) {
  if (plan.weights().empty())
    return plan.verifyWeights();
  // The checksums are computed on other threads meanwhile; the first reader of a page brings it in for both.
  Status verified;
  Status uploaded;
  {
    std::jthread verifier;
    try {
      verifier = std::jthread([&] { verified = plan.verifyWeights(); });
    } catch (const std::system_error &) { // no more threads: first this, then that
      verified = plan.verifyWeights();
    }
    Uploader uploader(device, stream);
    uploaded = uploader.prepare(plan.weights().size());
    if (uploaded.isOk())
      uploaded = uploader.copy(weights_.get(), plan.weights());
    if (uploaded.isOk())
      uploaded = uploader.finish();
  }
  CADENZA_RETURN_IF_ERROR(verified);
  return uploaded;
}

Status Storage::uploadRopeTables(Device &device, CUstream stream, const Plan &plan, int64_t context) {
  const std::vector<Weight> &weights = plan.program().weights;
  for (size_t i = 0; i < weights.size(); ++i) {
    const Weight &weight = weights[i];
    if (weight.encoding != Encoding::rope_table)
      continue;
    const std::byte *stored = plan.weights().data() + weight.offset;
    const std::vector<float> table = expandRopeTable(weight, stored, context, /*isLong=*/false);
    std::span<const std::byte> bytes = std::as_bytes(std::span<const float>(table));
    if (weight.longAfter > 0 && context > weight.longAfter) {
      const std::vector<float> ofLong = expandRopeTable(weight, stored, context, /*isLong=*/true);
      TwoTables &tables = twoTables_.emplace_back();
      tables.address = addresses_.weights[i];
      CADENZA_ASSIGN_OR_RETURN(tables.both, PinnedBuffer::make(device, 2 * bytes.size(), "rope tables"));
      std::memcpy(tables.both.as<std::byte>(), bytes.data(), bytes.size());
      std::memcpy(tables.both.as<std::byte>() + bytes.size(), ofLong.data(), bytes.size());
    }
    Uploader uploader(device, stream);
    CADENZA_RETURN_IF_ERROR(uploader.prepare(bytes.size()));
    CADENZA_RETURN_IF_ERROR(uploader.copy(addresses_.weights[i], bytes));
    CADENZA_RETURN_IF_ERROR(uploader.finish());
  }
  return Status::ok();
}

Status Storage::chooseRopeTables(Device &device, CUstream stream, bool isLong) {
  if (isLong == isLong_)
    return Status::ok();
  for (const TwoTables &tables : twoTables_) {
    const uint64_t bytes = tables.both.bytes() / 2;
    CADENZA_CUDA_TRY(device, cuMemcpyHtoDAsync, tables.address, tables.both.as<std::byte>() + (isLong ? bytes : 0),
                     bytes, stream);
  }
  isLong_ = isLong;
  return Status::ok();
}

StatusOr<Storage> Storage::load(Device &device, CUstream stream, const Plan &plan, int64_t context, bool logits,
                                uint32_t blocks) {
  const Program &program = plan.program();
  Storage storage;
  Addresses &addresses = storage.addresses_;
  addresses.context = static_cast<uint64_t>(context);
  CADENZA_ASSIGN_OR_RETURN(storage.weights_, DeviceBuffer::make(device, plan.weights().size(), "the weights"));
  storage.memory_.weights = plan.weights().size();
  CADENZA_RETURN_IF_ERROR(storage.allocateCaches(device, program, context));

  auto allocate = [&](uint64_t &address, uint64_t bytes, std::string_view what) {
    auto allocated = storage.allocate(device, bytes, what, &MemoryUse::activations);
    if (allocated.isOk())
      address = *allocated;
    return allocated.status();
  };
  CADENZA_RETURN_IF_ERROR(allocate(addresses.arena, program.arenaBytes, "activations"));
  CADENZA_RETURN_IF_ERROR(allocate(addresses.state, sizeof(SequenceState), "the decode state"));
  CADENZA_RETURN_IF_ERROR(allocate(addresses.tokens, (addresses.context + 1) * sizeof(int32_t), "tokens"));
  if (program.decoder) {
    const auto vocabulary = static_cast<uint64_t>(program.decoder->vocabulary);
    CADENZA_RETURN_IF_ERROR(allocate(addresses.draw.logits, vocabulary * sizeof(float), "logits"));
    if (logits)
      addresses.logits = addresses.draw.logits;
    CADENZA_RETURN_IF_ERROR(allocate(addresses.draw.rows, vocabulary * sizeof(RowHistory), "penalties and biases"));
    CADENZA_RETURN_IF_ERROR(
        allocate(addresses.draw.space, uint64_t{std::max(blocks, 1u)} * draw_space_bytes, "drawing tokens"));
    if (blocks > 0)
      CADENZA_RETURN_IF_ERROR(allocate(addresses.draw.packets,
                                       draw_packets_for(static_cast<int>(blocks)) * uint64_t{16}, "drawing tokens"));
  }
  for (const Scratch &scratch : program.scratch)
    CADENZA_RETURN_IF_ERROR(allocate(addresses.scratch.emplace_back(), scratch.bytes, "scratch"));
  for (const Weight &weight : program.weights) {
    uint64_t &address = addresses.weights.emplace_back(storage.weights_.get() + weight.offset);
    if (weight.encoding != Encoding::rope_table)
      continue;
    int64_t shape[] = {context, weight.rows, 2};
    auto bytes = checked::byteSize(shape, sizeof(float));
    if (!bytes)
      return tooLarge("rope table");
    CADENZA_RETURN_IF_ERROR(allocate(address, *bytes, "rope tables"));
  }

  CADENZA_RETURN_IF_ERROR(storage.zero(device, stream));
  CADENZA_RETURN_IF_ERROR(storage.uploadWeights(device, stream, plan));
  CADENZA_RETURN_IF_ERROR(storage.uploadRopeTables(device, stream, plan, context));
  CADENZA_CUDA_TRY(device, cuStreamSynchronize, stream);
  return storage;
}

Status Storage::fillCaches(Device &device, CUstream stream, const Program &program, int64_t length, uint64_t seed,
                           bool ringsOnly) {
  Uploader uploader(device, stream);
  const auto context = static_cast<int64_t>(addresses_.context);
  const auto isFilled = [&](const Cache &cache) { return !ringsOnly || cachePositions(cache, context) < context; };
  uint64_t largest = 0; // the positions of one head that are there are contiguous
  for (const Cache &cache : program.caches) {
    const int64_t filled = std::min(length, cachePositions(cache, context));
    if (isFilled(cache))
      largest = std::max(largest, static_cast<uint64_t>(filled * cache.headDim) * dtypeSize(cache.dtype));
  }
  if (largest == 0)
    return Status::ok();
  CADENZA_RETURN_IF_ERROR(uploader.prepare(largest));
  for (uint32_t c = 0; c < program.caches.size(); ++c) {
    const Cache &cache = program.caches[c];
    if (!isFilled(cache))
      continue;
    uint64_t size = dtypeSize(cache.dtype);
    uint64_t headDim = static_cast<uint64_t>(cache.headDim);
    const int64_t kept = cachePositions(cache, context), filled = std::min(length, kept);
    // Of a ring, the place of a position that is kept is that of the last one of all that lie there.
    const auto positionAt = [&](int64_t place) { return place + (length - 1 - place) / kept * kept; };
    for (bool isValue : {false, true}) {
      uint64_t tensor = (isValue ? addresses_.cacheValues : addresses_.cacheKeys)[c];
      for (int64_t head = 0; head < cache.kvHeads; ++head) {
        auto fill = [&](uint64_t offset, std::span<std::byte> out) {
          inParallel(out.size() / size, [&](uint64_t begin, uint64_t end) {
            for (uint64_t i = begin; i < end; ++i) {
              uint64_t element = offset / size + i;
              uint64_t index = cacheFillIndex(c, isValue, head, positionAt(static_cast<int64_t>(element / headDim)),
                                              static_cast<int64_t>(element % headDim));
              storeAs(cache.dtype, cacheFillValue(seed, index), out.data() + i * size);
            }
          });
        };
        uint64_t headBytes = static_cast<uint64_t>(kept) * headDim * size;
        CADENZA_RETURN_IF_ERROR(uploader.produce(tensor + static_cast<uint64_t>(head) * headBytes,
                                                 static_cast<uint64_t>(filled) * headDim * size, fill));
      }
    }
  }
  return uploader.finish();
}

} // namespace cadenza::cuda
