#include "runtime/bench/stream_ptx.h"

namespace cadenza::bench {
namespace {

constexpr const char *head = R"(
.version 7.4
.target sm_80
.address_size 64

.visible .entry stream_read(.param .u64 buffer, .param .u64 tiles, .param .u64 sink)
.maxntid 512, 1, 1
{
  .reg .pred done, keep;
  .reg .b32 thread, block, grid, sum;
  .reg .b64 tile, count, step, stride, address, offset, out;
)";

constexpr const char *prepare = R"(
  mov.u32 thread, %tid.x;
  mov.u32 block, %ctaid.x;
  mov.u32 grid, %nctaid.x;
  ld.param.u64 count, [tiles];
  ld.param.u64 address, [buffer];
  cvta.to.global.u64 address, address;
  cvt.u64.u32 tile, block;
  cvt.u64.u32 step, grid;
  mul.lo.u64 offset, tile, TILE_BYTES;
  add.u64 address, address, offset;
  mul.wide.u32 offset, thread, 16;
  add.u64 address, address, offset;
  mul.lo.u64 stride, step, TILE_BYTES;
  mov.u32 sum, 0;
LOOP:
  setp.ge.u64 done, tile, count;
  @done bra END;
)";

constexpr const char *tail = R"(
  add.u64 tile, tile, step;
  add.u64 address, address, stride;
  bra LOOP;
END:
  setp.eq.u32 keep, sum, 0x9e3779b9;
  ld.param.u64 out, [sink];
  cvta.to.global.u64 out, out;
  @keep st.global.u32 [out], sum;
  ret;
}
)";

void replaceAll(std::string &text, const std::string &from, const std::string &to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

} // namespace

std::string streamPtx(uint32_t loads) {
  std::string registers = "  .reg .b32 v<" + std::to_string(4 * loads) + ">;\n";
  std::string body;
  auto value = [](uint32_t i) { return "v" + std::to_string(i); };
  for (uint32_t i = 0; i < loads; ++i) // all loads first: they are in flight together
    body += "  ld.global.nc.L1::no_allocate.v4.u32 {" + value(4 * i) + ", " + value(4 * i + 1) + ", " +
            value(4 * i + 2) + ", " + value(4 * i + 3) + "}, [address+" + std::to_string(i * streamThreads * 16) +
            "];\n";
  for (uint32_t i = 0; i < 4 * loads; ++i)
    body += "  xor.b32 sum, sum, " + value(i) + ";\n";
  std::string text = std::string(head) + registers + prepare + body + tail;
  replaceAll(text, "TILE_BYTES", std::to_string(streamTileBytes(loads)));
  return text;
}

} // namespace cadenza::bench
