#include "runtime/plan/weight_stream.h"

#include "runtime/support/crc32c.h"
#include "runtime/support/workers.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>

namespace cadenza {
namespace {

constexpr uint64_t bytesInWork = uint64_t(1) << 30;

struct Free {
  void operator()(std::byte *bytes) const { std::free(bytes); }
};

class WeightStream {
public:
  WeightStream(const AtomicFile &file, uint64_t sectionOffset, const PlanContents &contents)
      : file_(file), sectionOffset_(sectionOffset), contents_(contents), weights_(contents.program->weights),
        crcs_(weights_.size()) {
    for (const Weight &weight : weights_)
      totalBytes_ += weight.bytes;
  }

  StatusOr<uint32_t> run() {
    runWorkers(std::min(threadCount(contents_.threads), weights_.size()), [this] { work(); });
    if (!error_.isOk())
      return error_;
    return combine();
  }

private:
  /// Packs one weight after the other until there is none left or one has failed.
  void work() {
    while (true) {
      size_t index;
      {
        std::unique_lock lock(mutex_);
        room_.wait(lock, [&] { return !error_.isOk() || next_ == weights_.size() || fits(weights_[next_].bytes); });
        if (!error_.isOk() || next_ == weights_.size())
          return;
        index = next_++;
        inWork_ += weights_[index].bytes;
      }
      Status status = packGuarded(index);
      {
        std::lock_guard lock(mutex_);
        inWork_ -= weights_[index].bytes;
        written_ += weights_[index].bytes;
        if (!status.isOk() && error_.isOk())
          error_ = status.withPrefix("weight " + std::to_string(index) + " '" + weights_[index].name + "'");
        if (error_.isOk() && contents_.onProgress)
          contents_.onProgress(written_, totalBytes_);
      }
      room_.notify_all();
    }
  }

  /// One weight fits always, or a large one could never be packed.
  bool fits(uint64_t bytes) const { return inWork_ == 0 || inWork_ + bytes <= bytesInWork; }

  /// An exception must not leave the thread.
  Status packGuarded(size_t index) {
    try {
      return pack(index);
    } catch (const std::bad_alloc &) {
      return Status(StatusCode::OutOfMemory, "not enough memory");
    } catch (const std::exception &exception) {
      return Status(StatusCode::Internal, exception.what());
    }
  }

  Status pack(size_t index) {
    const Weight &weight = weights_[index];
    const std::unique_ptr<std::byte, Free> buffer(static_cast<std::byte *>(std::calloc(weight.bytes, 1)));
    if (!buffer)
      return Status(StatusCode::OutOfMemory, "no " + std::to_string(weight.bytes) + " bytes to pack it in");
    const std::span<std::byte> bytes(buffer.get(), weight.bytes);
    CADENZA_RETURN_IF_ERROR(contents_.packer->pack(static_cast<uint32_t>(index), bytes));
    crcs_[index] = crc32c(bytes);
    return file_.writeAt(sectionOffset_ + weight.offset, bytes);
  }

  /// The checksum of the section from those of the weights and of the zeros between them.
  uint32_t combine() const {
    static constexpr std::array<std::byte, weightAlignment> zeros{};
    uint32_t crc = 0;
    uint64_t end = 0;
    for (size_t i = 0; i < weights_.size(); ++i) {
      crc = crc32c(std::span(zeros).first(weights_[i].offset - end), crc);
      crc = crc32cCombine(crc, crcs_[i], weights_[i].bytes);
      end = weights_[i].offset + weights_[i].bytes;
    }
    return crc;
  }

  const AtomicFile &file_;
  const uint64_t sectionOffset_;
  const PlanContents &contents_;
  const std::vector<Weight> &weights_;
  std::vector<uint32_t> crcs_;
  uint64_t totalBytes_ = 0;

  std::mutex mutex_;
  std::condition_variable room_;
  size_t next_ = 0;
  uint64_t inWork_ = 0, written_ = 0;
  Status error_;
};

} // namespace

StatusOr<uint32_t> writeWeights(const AtomicFile &file, uint64_t sectionOffset, const PlanContents &contents) {
  return WeightStream(file, sectionOffset, contents).run();
}

} // namespace cadenza
