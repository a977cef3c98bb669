// What scales and zeros of groups of columns do to sums (runtime/shared/encoding.h): the sum of each step of 32
// columns, fresh from the tensor cores, is shifted by the zero and scaled in fp32 on its way into the sum of its row.
// So codes are multiplied exactly, a group may begin and end at any step, and what a schedule multiplies together does
// not matter. Beside them, the sums of products without groups.
#pragma once

#include "encodings.cuh"
#include "super_blocks.cuh"
#include "unit_product.cuh"

namespace cadenza {

/// Of a row of a group, as it is stored. E: Grouped<..>, or of super-blocks.
template <class E, bool super_blocks = FormatOf<E>::super_blocks> struct GroupFactors : SuperFactors<E> {};
template <class E> struct GroupFactors<E, false> {
  static constexpr EncodingFormat format = FormatOf<E>::format;
  uint32_t scale = 0, zero = 0;

  /// `record`: of the row's tile and group, in device memory. The step of the group does not matter.
  CADENZA_DEVICE void load(const void *record, int /*step*/, int row) {
    const unsigned char *from = static_cast<const unsigned char *>(record);
    scale = arch::load_small<format.scale_bytes>(from + row * format.scale_bytes);
    if constexpr (format.zeros)
      zero = arch::load_small<1>(from + tile_rows * format.scale_bytes + row);
  }
  /// The same in shared memory, `offset` bytes behind the scale and the zero that these point to, if `wanted`.
  template <int offset>
  CADENZA_DEVICE void load_if(bool wanted, arch::SharedPointer scales, arch::SharedPointer zeros) {
    arch::load_small_if<format.scale_bytes, offset>(wanted, scales, scale);
    if constexpr (format.zeros)
      arch::load_small_if<1, offset>(wanted, zeros, zero);
  }

  /// Adds the sum of a step, of operands times the vector; `elements` is that of the vector. If it may be one that does
  /// not exist, the factors are any bytes, and its sum of products with zeros is left out.
  template <bool may_be_missing = false> CADENZA_DEVICE float add(float sum, float step, float elements) const {
    // As the last bits of 2^23, exactly. The operand's excess is that of codes without zeros.
    if constexpr (format.zeros)
      step = arch::fma(8388608.0f - arch::as_float(0x4b000000u | zero), elements, step);
    else
      step = less_excess<E::form.excess>(step, elements);
    const float added = arch::fma(scale_value(), step, sum);
    return may_be_missing && step == 0.0f ? sum : added;
  }
  CADENZA_DEVICE float scale_value() const {
    if constexpr (format.scale_bytes == 4)
      return arch::as_float(scale);
    else
      return arch::to_float(typename E::GroupScale{static_cast<uint16_t>(scale)});
  }
};

/// The sum of a step's elements, or of each of a turn's, where UnitProduct has those of rows, as a multiple of the same
/// power of two. Nothing if E does not need it.
template <class E> struct ElementSum : UnitProduct<typename E::Operand> {
  CADENZA_DEVICE void add(UnitVector vector) {
    if constexpr (needs_elements<E>) {
      constexpr uint32_t ones = 0x00010001u; // the integer, as operand(..) has it
      UnitProduct<typename E::Operand>::add({ones, ones, ones, ones}, vector);
    }
  }
  CADENZA_DEVICE float row() const { return this->sums[0] + this->sums[3]; }
};

/// The running sums of a tile's two stripes of a part, step by step: row g of both in lane 4g. The vector: by
/// vector_for.
template <class E, bool grouped = FormatOf<E>::grouped> struct PartProduct {
  UnitProduct<typename E::Operand> upper, lower;
  ElementSum<E> elements;

  template <class Stream> CADENZA_DEVICE void add(const Stream &stream, int slot, UnitVector vector) {
    elements.add(vector);
    upper.add(E::operand(stream.upper[slot]), vector);
    lower.add(E::operand(stream.lower[slot]), vector);
  }
  CADENZA_DEVICE float upper_row() const { return row(upper); }
  CADENZA_DEVICE float lower_row() const { return row(lower); }

private:
  CADENZA_DEVICE float row(const UnitProduct<typename E::Operand> &product) const {
    return sum_of_codes<E>(less_excess<E::form.excess>(row_of<E>(product.sums[0], product.sums[3]), elements.row()));
  }
};
template <class E> struct PartProduct<E, true> {
  float upper = 0.0f, lower = 0.0f;

  template <class Stream> CADENZA_DEVICE void add(const Stream &stream, int slot, UnitVector vector) {
    ElementSum<E> elements;
    elements.add(vector);
    add_step(upper, stream.upper[slot], vector, stream.factors.upper[slot], elements);
    add_step(lower, stream.lower[slot], vector, stream.factors.lower[slot], elements);
  }
  CADENZA_DEVICE float upper_row() const { return sum_of_codes<E>(upper); }
  CADENZA_DEVICE float lower_row() const { return sum_of_codes<E>(lower); }

private:
  CADENZA_DEVICE static void add_step(float &sum, typename E::Unit unit, UnitVector vector,
                                      const GroupFactors<E> &factors, const ElementSum<E> &elements) {
    UnitProduct<typename E::Operand> step;
    step.add(E::operand(unit), vector);
    if constexpr (FormatOf<E>::two_scales)
      sum = factors.add_two(sum, step.sums[0], step.sums[3], elements.sums[0], elements.sums[3]);
    else
      sum = factors.add(sum, row_of<E>(step.sums[0], step.sums[3]), elements.row());
  }
};

/// What a warp that multiplies a tile has in registers of its groups, beside `depth` steps of the tile's two units:
/// nothing without groups.
template <class E, int depth, bool grouped = FormatOf<E>::grouped> struct StepFactors {
  CADENZA_DEVICE void start(const typename E::Element *, int) {}
  CADENZA_DEVICE void load(int, int) {}
};
template <class E, int depth> struct StepFactors<E, depth, true> {
  const typename E::Element *records; // of the tile
  int first;
  GroupFactors<E> upper[depth], lower[depth];

  CADENZA_DEVICE void start(const typename E::Element *of_tile, int first_step) {
    records = of_tile;
    first = first_step;
  }
  /// Of the step that comes so many steps after the first one.
  CADENZA_DEVICE void load(int slot, int step) {
    constexpr EncodingFormat format = FormatOf<E>::format;
    const auto *record = records + (first + step) / format.group_steps * format.record_bytes();
    const int row = static_cast<int>(arch::lane() / 4), of_group = (first + step) % format.group_steps;
    upper[slot].load(record, of_group, row);
    lower[slot].load(record, of_group, stripe_rows + row);
  }
};

/// The running sums of a stripe that a warp multiplies turn by turn: row g in lanes 4g .. 4g+3. The vector: by
/// vector_for. Without groups, steps are added to the sums of their ways.
template <class E, bool grouped = FormatOf<E>::grouped> struct StripeSums {
  UnitProduct<typename E::Operand> steps[4];
  ElementSum<E> elements;

  CADENZA_DEVICE void add(const typename E::Unit (&units)[4], UnitVector vector) {
    elements.add(vector);
#pragma unroll
    for (int i = 0; i < 4; ++i)
      steps[i].add(E::operand(units[i]), vector);
  }
  CADENZA_DEVICE float row() const {
    const float way = own_row<E>(steps, static_cast<int>(arch::lane() % 4));
    return add_steps(sum_of_codes<E>(less_excess<E::form.excess>(way, elements.row())));
  }
};
/// With groups, the sum of step i's way is in lanes 4g + i, which have the factors of its group.
template <class E> struct StripeSums<E, true> {
  float sum = 0.0f;
  // Not known to be the same for all stripes of a kernel: it would take a register, or a predicate, throughout.
  const int step = arch::opaque(static_cast<int>(arch::lane() % 4));

  /// may_be_missing: as in GroupFactors::add.
  template <bool may_be_missing>
  CADENZA_DEVICE void add(const typename E::Unit (&units)[4], UnitVector vector, const GroupFactors<E> &factors) {
    UnitProduct<typename E::Operand> steps[4];
#pragma unroll
    for (int i = 0; i < 4; ++i)
      steps[i].add(E::operand(units[i]), vector);
    ElementSum<E> elements;
    elements.add(vector);
    if constexpr (FormatOf<E>::two_scales)
      sum = factors.template add_two<may_be_missing>(sum, own_sum<0>(steps, step), own_sum<3>(steps, step),
                                                     elements.sums[0], elements.sums[3]);
    else
      sum = factors.template add<may_be_missing>(sum, own_row<E>(steps, step), elements.row());
  }
  CADENZA_DEVICE float row() const { return add_steps(sum_of_codes<E>(sum)); }
};

} // namespace cadenza
