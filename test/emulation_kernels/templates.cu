#include "configs.cuh"

namespace cadenza {

#define CADENZA_TEST_INSTANCE(Template, name)                                                                          \
  CADENZA_KERNEL(name, Template<phase::name>::Args, phase::name::threads, 1) { Template<phase::name>::run(args); }

CADENZA_TEST_INSTANCE(Embed, embed_scaled)
CADENZA_TEST_INSTANCE(Embed, embed_positioned)
CADENZA_TEST_INSTANCE(Project, qkv_wide)
CADENZA_TEST_INSTANCE(Project, qkv_narrow)
CADENZA_TEST_INSTANCE(Project, gate_up)
CADENZA_TEST_INSTANCE(Project, layer_norm_biased)
CADENZA_TEST_INSTANCE(Project, layer_norm_plain)
CADENZA_TEST_INSTANCE(Project, down)
CADENZA_TEST_INSTANCE(Project, int8_gate_up)
CADENZA_TEST_INSTANCE(Project, int8_rows)
CADENZA_TEST_INSTANCE(Project, sum_parts)
CADENZA_TEST_INSTANCE(Project, sum_parts_by_few)
CADENZA_TEST_INSTANCE(Project, sum_ways)
CADENZA_TEST_INSTANCE(Project, sum_groups)
CADENZA_TEST_INSTANCE(Project, head)
CADENZA_TEST_INSTANCE(Attend, attend_16)
CADENZA_TEST_INSTANCE(Attend, attend_64)
CADENZA_TEST_INSTANCE(Attend, attend_128)
CADENZA_TEST_INSTANCE(Attend, attend_group_16)
CADENZA_TEST_INSTANCE(Attend, attend_subgroups)
CADENZA_TEST_INSTANCE(Attend, attend_80)
CADENZA_TEST_INSTANCE(Attend, attend_256)
CADENZA_TEST_INSTANCE(Attend, attend_slices_256)
CADENZA_TEST_INSTANCE(Attend, attend_slices_160)
CADENZA_TEST_INSTANCE(Attend, attend_slices_136)
CADENZA_TEST_INSTANCE(Attend, attend_slices_248)
CADENZA_TEST_INSTANCE(Attend, attend_window)
CADENZA_TEST_INSTANCE(Attend, attend_window_one_split)
CADENZA_TEST_INSTANCE(Attend, attend_ring)
CADENZA_TEST_INSTANCE(Attend, attend_capped)
CADENZA_TEST_INSTANCE(Map, norm_all)
CADENZA_TEST_INSTANCE(Map, layer_norm_all)
CADENZA_TEST_INSTANCE(Map, layer_norm_heads)
CADENZA_TEST_INSTANCE(Map, post_norm)
CADENZA_TEST_INSTANCE(Map, gelu_mul_add)
CADENZA_TEST_INSTANCE(Map, gelu_scale_cap)
CADENZA_TEST_INSTANCE(Map, rotate_neighbours)
CADENZA_TEST_INSTANCE(Select, select_token)

} // namespace cadenza
