// wgmma: a warp's quarter of the product is computed at a random time after all its lanes issued it, at the latest when
// they wait for its group. Operands are read from shared memory, and A's registers from the lanes, at that time; the
// registers of the sums hold NaN from issue to wait.
#include "test/emulation/warpgroup.h"

#include "test/emulation/async.h"
#include "test/emulation/faults.h"

#include <algorithm>
#include <cstring>

namespace cadenza::emulation {

namespace {

constexpr int poison = 0xff;
constexpr uint32_t firstAddress = 1024; // of dynamic shared memory: arch_wgmma_host.cuh

bool isPoisoned(const float *d, uint32_t count) {
  const auto *bytes = reinterpret_cast<const unsigned char *>(d);
  return std::all_of(bytes, bytes + count * sizeof(float), [](unsigned char byte) { return byte == poison; });
}

bool sameProduct(const host::WarpgroupOperands &x, const host::WarpgroupOperands &y) {
  return x.type == y.type && x.accumulate == y.accumulate && x.count == y.count && !x.fragment == !y.fragment &&
         x.a == y.a && x.b == y.b && x.transposed == y.transposed;
}

/// Of what the four warps of a warpgroup must agree on.
uint64_t hash(const host::WarpgroupOperands &operands) {
  uint64_t value = 0;
  for (const uint64_t part :
       {static_cast<uint64_t>(operands.type), uint64_t{operands.accumulate}, uint64_t{operands.count},
        uint64_t{operands.fragment != nullptr}, operands.a, operands.b, uint64_t{operands.transposed}})
    value = (value ^ part) * 0x9e3779b97f4a7c15u + (value >> 29);
  return value;
}

/// A matrix in shared memory, as its descriptor says: rows of 16 elements along K, or, transposed, 16 rows along N.
class SharedMatrix {
public:
  SharedMatrix(const Block &block, uint64_t descriptor, bool transposed = false)
      : block_(block), transposed_(transposed) {
    static constexpr uint32_t rowBytes[] = {16, 128, 64, 32};
    first_ = static_cast<int64_t>((descriptor & 0x3fff) * 16) - firstAddress;
    groupBytes_ = (descriptor >> 32 & 0x3fff) * 16;
    atomBytes_ = (descriptor >> 16 & 0x3fff) * 16;
    rowBytes_ = rowBytes[descriptor >> 62];
    isOffered_ = descriptor >> 62 != 0 && (descriptor >> 49 & 7) == 0 && (!transposed || rowBytes_ == 128);
  }
  /// Whether it has one of the layouts that are emulated: swizzled, and no base offset.
  bool isOffered() const { return isOffered_; }
  bool isInside(uint32_t rows) const {
    if (transposed_)
      return first_ >= 0 && first_ + static_cast<int64_t>((rows - 1) / 64 * atomBytes_ + groupBytes_ + 1024) <=
                                static_cast<int64_t>(block_.asyncView.size());
    const int64_t last = first_ + static_cast<int64_t>((rows - 1) / 8 * groupBytes_ + 7 * rowBytes_ + 32);
    return first_ >= 0 && last <= static_cast<int64_t>(block_.asyncView.size());
  }
  void read(uint32_t row, uint16_t (&to)[16]) const {
    if (transposed_) {
      for (uint32_t k = 0; k < 16; ++k) {
        const unsigned char *from = block_.shared + first_ + row / 64 * atomBytes_ + k / 8 * groupBytes_ + k % 8 * 128;
        const ptrdiff_t offset = swizzle(from + row % 64 / 8 * 16, rowBytes_) - block_.shared;
        std::memcpy(to + k, block_.asyncView.data() + offset + row % 8 * 2, 2);
      }
      return;
    }
    const unsigned char *from = block_.shared + first_ + row / 8 * groupBytes_ + row % 8 * rowBytes_;
    for (int half = 0; half < 2; ++half) {
      const ptrdiff_t offset = swizzle(from + 16 * half, rowBytes_) - block_.shared;
      std::memcpy(to + 8 * half, block_.asyncView.data() + offset, 16);
    }
  }

private:
  const Block &block_;
  int64_t first_;
  uint64_t groupBytes_, atomBytes_; // between 8 rows and the next; transposed, between 64 columns and the next
  uint32_t rowBytes_;
  bool transposed_;
  bool isOffered_;
};

/// A's fragments of a warp: fragment[2l + h] of lane 4g + t are row 8h + g, columns 8l + 2t and the next.
void readFragments(const WarpProduct &product, uint16_t (&a)[16][16]) {
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < 4; ++i)
      for (int half = 0; half < 2; ++half)
        a[lane / 4 + 8 * (i % 2)][2 * (lane % 4) + 8 * (i / 2) + half] =
            static_cast<uint16_t>(product.fragments[lane][i] >> 16 * half);
}

} // namespace

WarpProducts &Scheduler::productsOf(Warp &warp) {
  if (!warp.products)
    warp.products = std::make_shared<WarpProducts>();
  return *warp.products;
}

void Scheduler::wgmma(const host::WarpgroupOperands &operands) {
  if (services.capability != 90)
    fault(CUDA_ERROR_LAUNCH_FAILED, "wgmma needs sm_90a");
  current_->product = operands;
  collective(Collective::wgmma);
}

void Scheduler::wgmmaWait(uint32_t pending) {
  current_->number = pending;
  collective(Collective::wgmmaWait);
}

/// All lanes of a warp are there.
void Scheduler::issueProduct(Warp &warp) {
  Block &block = *warp.block;
  const host::WarpgroupOperands &operands = warp.lanes[0].product;
  for (const Lane &lane : warp.lanes)
    if (!sameProduct(lane.product, operands))
      fault(CUDA_ERROR_LAUNCH_FAILED, "lanes of one warp give wgmma different operands");
  const uint32_t group = warp.index / 4;
  if (block.threads < 128 * (group + 1))
    fault(CUDA_ERROR_LAUNCH_FAILED, "wgmma in a warpgroup of fewer than four warps");
  WarpProducts &products = productsOf(warp);
  std::vector<uint64_t> &agreed = block.products[group];
  if (products.issued == agreed.size())
    agreed.push_back(hash(operands));
  else if (agreed[products.issued] != hash(operands))
    fault(CUDA_ERROR_LAUNCH_FAILED, "the warps of a warpgroup give wgmma different operands");
  ++products.issued;
  const SharedMatrix a(block, operands.a), b(block, operands.b, operands.transposed);
  if (!b.isOffered() || (!operands.fragment && !a.isOffered()))
    fault(CUDA_ERROR_LAUNCH_FAILED, "wgmma: a descriptor without a swizzle or with a base offset is not emulated");
  if (!b.isInside(2 * operands.count) || (!operands.fragment && !a.isInside(64)))
    fault(CUDA_ERROR_ILLEGAL_ADDRESS, "wgmma: an operand is not in this block's shared memory");

  std::shared_ptr<WarpSums> sums;
  for (const auto &other : products.sums)
    if (other->d[0] == operands.d && other->count == operands.count)
      sums = other;
    else if (other->d[0] < operands.d + operands.count && operands.d < other->d[0] + other->count)
      fault(CUDA_ERROR_LAUNCH_FAILED, "wgmma: some of its sums are in flight, of a product of another size");
  if ((!sums || operands.fragment) && !products.fenced)
    fault(CUDA_ERROR_LAUNCH_FAILED, "wgmma without wgmma_fence before it, since the last wgmma_wait");
  if (!sums) {
    sums = products.sums.emplace_back(std::make_shared<WarpSums>());
    sums->count = operands.count;
    sums->values.resize(size_t{32} * operands.count);
    for (int lane = 0; lane < 32; ++lane) {
      sums->d[lane] = warp.lanes[lane].product.d;
      std::memcpy(&sums->values[size_t(lane) * operands.count], sums->d[lane], operands.count * sizeof(float));
      std::memset(sums->d[lane], poison, operands.count * sizeof(float));
    }
  }
  for (const float *d : sums->d)
    if (!isPoisoned(d, operands.count))
      fault(CUDA_ERROR_LAUNCH_FAILED, "wgmma: its sums were written while an earlier one was in flight");
  WarpProduct &product = products.queue.emplace_back(WarpProduct{operands, {}, sums, products.groups});
  for (int lane = 0; lane < 32; ++lane)
    product.fragments[lane] = warp.lanes[lane].product.fragment;
  ++sums->users;
  sums->group = products.groups;
  if (products.queue.size() == 1)
    multiplyingWarps_.push_back(&warp);
}

/// The oldest product of a warp. Sums go upwards in k with fp32 rounding.
void Scheduler::executeProduct(Warp &warp) {
  WarpProducts &products = *warp.products;
  const WarpProduct product = std::move(products.queue.front());
  products.queue.pop_front();
  if (products.queue.empty())
    multiplyingWarps_.erase(std::find(multiplyingWarps_.begin(), multiplyingWarps_.end(), &warp));
  const host::WarpgroupOperands &operands = product.operands;
  const uint32_t columns = 2 * operands.count;
  uint16_t bits[16][16];
  if (operands.fragment)
    readFragments(product, bits);
  else
    for (uint32_t row = 0; row < 16; ++row)
      SharedMatrix(*warp.block, operands.a).read(warp.index % 4 * 16 + row, bits[row]);
  float a[16][16];
  static float b[16][256], d[16][256]; // too large for a fiber's stack
  for (int row = 0; row < 16; ++row)
    for (int k = 0; k < 16; ++k)
      a[row][k] = toFloat(operands.type, bits[row][k]);
  const SharedMatrix matrix(*warp.block, operands.b, operands.transposed);
  for (uint32_t column = 0; column < columns; ++column) {
    uint16_t along[16];
    matrix.read(column, along);
    for (int k = 0; k < 16; ++k)
      b[k][column] = toFloat(operands.type, along[k]);
  }
  std::vector<float> &values = product.sums->values;
  const auto each = [&](auto body) {
    for (uint32_t lane = 0; lane < 32; ++lane)
      for (uint32_t i = 0; i < operands.count; ++i)
        body(values[lane * operands.count + i], d[lane / 4 + 8 * (i / 2 % 2)][i / 4 * 8 + lane % 4 * 2 + i % 2]);
  };
  each([&](float &value, float &place) { place = operands.accumulate ? value : 0; });
  for (int row = 0; row < 16; ++row)
    for (int k = 0; k < 16; ++k)
      for (uint32_t column = 0; column < columns; ++column)
        d[row][column] += a[row][k] * b[k][column];
  each([](float &value, float &place) { value = place; });
  --product.sums->users;
}

/// Some products of some warp.
void Scheduler::executeSome() {
  Warp &warp = *multiplyingWarps_[random_.below(static_cast<uint32_t>(multiplyingWarps_.size()))];
  for (uint32_t i = 1 + random_.below(4); i > 0 && !warp.products->queue.empty(); --i)
    executeProduct(warp);
}

/// All lanes of a warp are there: what they wait for is computed, and what is complete with it goes to the registers.
void Scheduler::waitForProducts(Warp &warp, uint32_t pending) {
  WarpProducts &products = productsOf(warp);
  while (!products.queue.empty() && products.queue.front().group + pending < products.groups)
    executeProduct(warp);
  std::erase_if(products.sums, [&](const std::shared_ptr<WarpSums> &sums) {
    if (sums->users != 0 || sums->group + pending >= products.groups)
      return false;
    for (int lane = 0; lane < 32; ++lane) {
      if (!isPoisoned(sums->d[lane], sums->count))
        fault(CUDA_ERROR_LAUNCH_FAILED, "the sums of a wgmma were written while it was in flight");
      std::memcpy(sums->d[lane], &sums->values[size_t(lane) * sums->count], sums->count * sizeof(float));
    }
    return true;
  });
  products.fenced = false;
}

/// setmaxnreg. A kernel begins with what its launch leaves each thread.
void Scheduler::setRegisters(uint32_t count, bool take) {
  collective(Collective::setRegisters);
  Block &block = *current_->warp->block;
  const uint32_t initial = std::min(248u, 65536 / block.threads / 8 * 8);
  const auto held = [&](const Warp &warp) { return warp.registers != 0 ? warp.registers : initial; };
  Warp &mine = *current_->warp;
  if (mine.registers == count)
    return; // a lane before this one has done it
  if (services.capability != 90)
    fault(CUDA_ERROR_LAUNCH_FAILED, "take_registers and give_registers need sm_90a");
  if (count % 8 != 0 || count < 24 || count > 256 || (take ? count < held(mine) : count > held(mine)))
    fault(CUDA_ERROR_LAUNCH_FAILED, "take_registers or give_registers of " + std::to_string(count) + " by a warp of " +
                                        std::to_string(held(mine)) + " each");
  const auto others = [&] {
    uint32_t sum = 0;
    for (const auto &warp : block.warps)
      sum += warp.get() == &mine ? 0 : held(*warp);
    return sum;
  };
  while (take && mine.registers != count && others() + count > initial * block.warps.size())
    poll(&mine.registers);
  mine.registers = count;
}

} // namespace cadenza::emulation
