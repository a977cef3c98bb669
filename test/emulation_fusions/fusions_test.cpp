// Movement, indexing, reductions and loops as kernels, alone and together.
#include "codegen/nvrtc.h"
#include "test/emulation_fusions/fusion_test.h"

using namespace cadenza;
using namespace cadenza::emulation;

namespace {

/// A fusion in a function: "%a" and so on are its inputs, of `types`; the body yields.
struct Case {
  std::string name, types, results, body;
  std::vector<std::optional<Range>> ranges = {};
  double tolerance = 1;
};

std::vector<std::string> split(const std::string &types) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin < types.size();) {
    const size_t end = std::min(types.find(' ', begin), types.size());
    parts.push_back("tensor<" + types.substr(begin, end - begin) + ">");
    begin = end + 1;
  }
  return parts;
}

std::string text(const Case &each) {
  std::string parameters, assigned, types;
  char letter = 'a';
  for (const std::string &type : split(each.types)) {
    const std::string comma = letter == 'a' ? "" : ", ";
    parameters += comma + "%p" + letter + ": " + type;
    assigned += comma + "%" + letter + " = %p" + letter;
    types += comma + type;
    ++letter;
  }
  const std::vector<std::string> results = split(each.results);
  const std::string made = llvm::join(results, ", ");
  return "func.func @" + each.name + "(" + parameters + ") {\n  %r:" + std::to_string(results.size()) +
         " = step.fusion (" + assigned + ") : (" + types + ") -> (" + made + ") {\n" + each.body + " : " + made +
         "\n  }\n  return\n}\n";
}

const std::vector<Case> cases = {
    {"transposed", "2x3x4x8xf32", "2x4x3x8xf32",
     "%0 = nn.transpose %a [0, 2, 1, 3] : (tensor<2x3x4x8xf32>) -> tensor<2x4x3x8xf32>\nstep.yield %0"},
    {"moved", "4x6xf16", "2x12xf16 3x4x2xf16",
     "%0 = nn.reshape %a : tensor<4x6xf16> -> tensor<2x12xf16>\n"
     "%1 = nn.transpose %0 [1, 0] : (tensor<2x12xf16>) -> tensor<12x2xf16>\n"
     "%2 = nn.reshape %1 : tensor<12x2xf16> -> tensor<3x4x2xf16>\nstep.yield %0, %2"},
    {"odd_reshape", "5x6xf32", "3x10xf32",
     "%0 = nn.transpose %a [1, 0] : (tensor<5x6xf32>) -> tensor<6x5xf32>\n"
     "%1 = nn.slice %0 starts [5, 0] sizes [6, 5] steps [-1, 1] : (tensor<6x5xf32>) -> tensor<6x5xf32>\n"
     "%2 = nn.reshape %1 : tensor<6x5xf32> -> tensor<3x10xf32>\nstep.yield %2"},
    {"sliced",
     "8x9xi32 i64",
     "3x4xi32 2x9xi32",
     "%0 = nn.slice %a starts [1, 8] sizes [3, 4] steps [2, -2] : (tensor<8x9xi32>) -> tensor<3x4xi32>\n"
     "%1 = nn.slice %a starts [%b, 0] sizes [2, 9] : (tensor<8x9xi32>, tensor<i64>) -> tensor<2x9xi32>\n"
     "step.yield %0, %1",
     {std::nullopt, Range{6, 6}}},
    {"joined", "2x3x4xf32 2x1x4xf32 2x2x4xf32", "2x6x4xf32",
     "%n = nn.unary neg %b : (tensor<2x1x4xf32>) -> tensor<2x1x4xf32>\n"
     "%0 = nn.concat %a, %n, %c axis 1 : (tensor<2x3x4xf32>, tensor<2x1x4xf32>, tensor<2x2x4xf32>) -> "
     "tensor<2x6x4xf32>\n"
     "step.yield %0"},
    {"rotated_halves", "2x8xf32", "2x8xf32",
     "%0 = nn.slice %a starts [0, 0] sizes [2, 4] : (tensor<2x8xf32>) -> tensor<2x4xf32>\n"
     "%1 = nn.slice %a starts [0, 4] sizes [2, 4] : (tensor<2x8xf32>) -> tensor<2x4xf32>\n"
     "%2 = nn.unary neg %1 : (tensor<2x4xf32>) -> tensor<2x4xf32>\n"
     "%3 = nn.concat %2, %0 axis -1 : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x8xf32>\nstep.yield %3"},
    {"expanded", "3x1xf32 f32", "2x3x5xf32",
     "%0 = nn.expand %a : (tensor<3x1xf32>) -> tensor<2x3x5xf32>\n"
     "%1 = nn.binary mul %0, %b : (tensor<2x3x5xf32>, tensor<f32>) -> tensor<2x3x5xf32>\nstep.yield %1"},
    {"padded", "3x4xf32 f32", "5x6xf32 5x6xf32 5x7xf32 6x4xf32 2x3xf32",
     "%0 = nn.pad constant %a, %b begins [1, 2] ends [1, 0] : (tensor<3x4xf32>, tensor<f32>) -> tensor<5x6xf32>\n"
     "%1 = nn.pad edge %a begins [1, 2] ends [1, 0] : (tensor<3x4xf32>) -> tensor<5x6xf32>\n"
     "%2 = nn.pad reflect %a begins [2, 0] ends [0, 3] : (tensor<3x4xf32>) -> tensor<5x7xf32>\n"
     "%3 = nn.pad wrap %a begins [1, 0] ends [2, 0] : (tensor<3x4xf32>) -> tensor<6x4xf32>\n"
     "%4 = nn.pad constant %a begins [0, -1] ends [-1, 0] : (tensor<3x4xf32>) -> tensor<2x3xf32>\n"
     "step.yield %0, %1, %2, %3, %4"},
    {"triangles",
     "2x4x5xi64 i64",
     "2x4x5xi64 2x4x5xi64",
     "%0 = nn.trilu upper %a, %b : (tensor<2x4x5xi64>, tensor<i64>) -> tensor<2x4x5xi64>\n"
     "%1 = nn.trilu %a, %b : (tensor<2x4x5xi64>, tensor<i64>) -> tensor<2x4x5xi64>\nstep.yield %0, %1",
     {std::nullopt, Range{-1, 1}}},
    {"counted",
     "i64 f32",
     "7xi64 4xf32",
     "%l = nn.constant dense<20> : tensor<i64>\n%d = nn.constant dense<3> : tensor<i64>\n"
     "%0 = nn.range %a, %l, %d : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<7xi64>\n"
     "%z = nn.constant dense<0.0> : tensor<f32>\n%e = nn.constant dense<0.25> : tensor<f32>\n"
     "%m = nn.constant dense<1.0> : tensor<f32>\n"
     "%1 = nn.range %z, %m, %e : (tensor<f32>, tensor<f32>, tensor<f32>) -> tensor<4xf32>\n"
     "%2 = nn.binary add %1, %b : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>\nstep.yield %0, %2",
     {Range{0, 0}}},
    {"embedded",
     "1x5xi64 5xi32",
     "1x5x8xf32",
     "%w = nn.get_weight @embeddings : tensor<6x8xf16>\n%q = nn.get_weight @positions : tensor<4x8xf16>\n"
     "%0 = nn.gather %w, %a axis 0 : (tensor<6x8xf16>, tensor<1x5xi64>) -> tensor<1x5x8xf16>\n"
     "%1 = nn.gather %q, %b axis 0 : (tensor<4x8xf16>, tensor<5xi32>) -> tensor<5x8xf16>\n"
     "%2 = nn.binary add %0, %1 : (tensor<1x5x8xf16>, tensor<5x8xf16>) -> tensor<1x5x8xf16>\n"
     "%3 = nn.cast %2 : tensor<1x5x8xf16> -> tensor<1x5x8xf32>\nstep.yield %3",
     {Range{-6, 5}, Range{0, 3}}},
    {"gathered",
     "3x4x5xf32 2x2xi64 3x4x2xi64 3x2x1xi64",
     "3x2x2x5xf32 3x4x2xf32 3x2x5xf32",
     "%0 = nn.gather %a, %b axis 1 : (tensor<3x4x5xf32>, tensor<2x2xi64>) -> tensor<3x2x2x5xf32>\n"
     "%1 = nn.gather_elements %a, %c axis -1 : (tensor<3x4x5xf32>, tensor<3x4x2xi64>) -> tensor<3x4x2xf32>\n"
     "%2 = nn.gather_nd %a, %d batch_dims 1 : (tensor<3x4x5xf32>, tensor<3x2x1xi64>) -> tensor<3x2x5xf32>\n"
     "step.yield %0, %1, %2",
     {std::nullopt, Range{-4, 3}, Range{-5, 4}, Range{-4, 3}}},
    {"scattered",
     "3x5xf32 2x4xi64 2x4xf32",
     "3x5xf32 3x5xf32",
     "%0 = nn.scatter_elements replace %a, %b, %c axis 1 : (tensor<3x5xf32>, tensor<2x4xi64>, tensor<2x4xf32>) -> "
     "tensor<3x5xf32>\n"
     "%1 = nn.scatter_elements add %a, %b, %c axis 1 : (tensor<3x5xf32>, tensor<2x4xi64>, tensor<2x4xf32>) -> "
     "tensor<3x5xf32>\n"
     "step.yield %0, %1",
     {std::nullopt, Range{-3, 2}}},
    {"scattered_slices",
     "4x3xi32 5x1xi64 5x3xi32",
     "4x3xi32 4x3xi32",
     "%0 = nn.scatter_nd max %a, %b, %c : (tensor<4x3xi32>, tensor<5x1xi64>, tensor<5x3xi32>) -> tensor<4x3xi32>\n"
     "%1 = nn.scatter_nd replace %a, %b, %c : (tensor<4x3xi32>, tensor<5x1xi64>, tensor<5x3xi32>) -> tensor<4x3xi32>\n"
     "step.yield %0, %1",
     {std::nullopt, Range{-4, 3}}},
    {"cached",
     "2x2x5x3xf16 2x2x2x3xf16 2xi64",
     "2x2x5x3xf16 2x2x5x3xf16",
     "%0 = nn.tensor_scatter %a, %b at %c axis 2 : (tensor<2x2x5x3xf16>, tensor<2x2x2x3xf16>, tensor<2xi64>) -> "
     "tensor<2x2x5x3xf16>\n"
     "%1 = nn.tensor_scatter %a, %b at %c axis 2 circular : (tensor<2x2x5x3xf16>, tensor<2x2x2x3xf16>, tensor<2xi64>) "
     "-> tensor<2x2x5x3xf16>\n"
     "step.yield %0, %1",
     {std::nullopt, std::nullopt, Range{0, 3}}},
    {"accumulated", "2x5x3xi64", "2x5x3xi64 2x5x3xi64",
     "%0 = nn.cumsum %a axis 1 : (tensor<2x5x3xi64>) -> tensor<2x5x3xi64>\n"
     "%1 = nn.cumsum %a axis 1 exclusive reverse : (tensor<2x5x3xi64>) -> tensor<2x5x3xi64>\nstep.yield %0, %1"},
    {"ranked", "3x7xf32", "3x4xf32 3x4xi64",
     "%v, %i = nn.topk %a k 4 axis 1 : (tensor<3x7xf32>) -> (tensor<3x4xf32>, tensor<3x4xi64>)\nstep.yield %v, %i"},
    {"ranked_from_below",
     "7x2xi32",
     "3x2xi32 3x2xi64",
     "%v, %i = nn.topk %a k 3 axis 0 smallest : (tensor<7x2xi32>) -> (tensor<3x2xi32>, tensor<3x2xi64>)\nstep.yield "
     "%v, %i",
     {Range{-2, 2}}},
    {"softmaxed",
     "2x3x40xf32",
     "2x3x40xf32 2x3x40xf32",
     "%0 = nn.softmax %a axis -1 : (tensor<2x3x40xf32>) -> tensor<2x3x40xf32>\n"
     "%1 = nn.log_softmax %a axis 2 : (tensor<2x3x40xf32>) -> tensor<2x3x40xf32>\nstep.yield %0, %1",
     {},
     4},
    {"masked_softmax",
     "1x2x5x128xf16 1x1x1x128xi64",
     "1x2x5x128xf16",
     "%m = nn.cast %b : tensor<1x1x1x128xi64> -> tensor<1x1x1x128xi1>\n"
     "%l = nn.constant dense<0xFC00> : tensor<f16>\n%s = nn.constant dense<0.125> : tensor<f16>\n"
     "%0 = nn.binary mul %a, %s : (tensor<1x2x5x128xf16>, tensor<f16>) -> tensor<1x2x5x128xf16>\n"
     "%1 = nn.where %m, %0, %l : (tensor<1x1x1x128xi1>, tensor<1x2x5x128xf16>, tensor<f16>) -> tensor<1x2x5x128xf16>\n"
     "%2 = nn.softmax %1 axis -1 : (tensor<1x2x5x128xf16>) -> tensor<1x2x5x128xf16>\nstep.yield %2",
     {std::nullopt, Range{0, 1}}},
    {"softmax_of_columns",
     "3x5x4xf64",
     "3x5x4xf64",
     "%0 = nn.softmax %a axis 1 : (tensor<3x5x4xf64>) -> tensor<3x5x4xf64>\nstep.yield %0",
     {},
     10},
    {"normalized",
     "4x384xf32 4x384xf32",
     "4x384xf32 4x384xf32",
     "%w = nn.get_weight @scale : tensor<384xf32>\n%b2 = nn.get_weight @bias : tensor<384xf32>\n"
     "%0 = nn.binary add %a, %b : (tensor<4x384xf32>, tensor<4x384xf32>) -> tensor<4x384xf32>\n"
     "%1 = nn.layer_normalization %0, %w, %b2 axis -1 eps 1.0e-12 : (tensor<4x384xf32>, tensor<384xf32>, "
     "tensor<384xf32>) -> tensor<4x384xf32>\n"
     "%2 = nn.unary gelu %1 : (tensor<4x384xf32>) -> tensor<4x384xf32>\nstep.yield %0, %2",
     {},
     4},
    {"wide_norm", "2x1100xbf16 1100xbf16", "2x1100xbf16",
     "%0 = nn.rms_normalization %a, %b axis 1 eps 1.0e-6 : (tensor<2x1100xbf16>, tensor<1100xbf16>) -> "
     "tensor<2x1100xbf16>\nstep.yield %0"},
    {"wide_layer_norm",
     "2x1100xf32 1100xf32",
     "2x1100xf32",
     "%0 = nn.layer_normalization %a, %b axis 1 eps 1.0e-6 : (tensor<2x1100xf32>, tensor<1100xf32>) -> "
     "tensor<2x1100xf32>\nstep.yield %0",
     {},
     4},
    {"equals",
     "3x50xi32",
     "3xi64 3xi64 3xi64",
     "%0 = nn.arg_reduce max %a axis 1 : (tensor<3x50xi32>) -> tensor<3xi64>\n"
     "%1 = nn.arg_reduce max %a axis 1 last : (tensor<3x50xi32>) -> tensor<3xi64>\n"
     "%2 = nn.arg_reduce min %a axis 1 last : (tensor<3x50xi32>) -> tensor<3xi64>\nstep.yield %0, %1, %2",
     {Range{0, 2}}},
    {"very_wide_norm",
     "2x9001xf32 9001xf32",
     "2x9001xf32",
     "%0 = nn.rms_normalization %a, %b axis 1 eps 1.0e-6 : (tensor<2x9001xf32>, tensor<9001xf32>) -> "
     "tensor<2x9001xf32>\nstep.yield %0",
     {},
     10},
    {"norm_in_pieces",
     "6x32xf32",
     "6x32xf32 6x1xf32",
     "%e = nn.constant dense<1.0e-5> : tensor<f32>\n"
     "%0 = nn.reduce mean %a axes [1] keep_dims : (tensor<6x32xf32>) -> tensor<6x1xf32>\n"
     "%1 = nn.binary sub %a, %0 : (tensor<6x32xf32>, tensor<6x1xf32>) -> tensor<6x32xf32>\n"
     "%2 = nn.binary mul %1, %1 : (tensor<6x32xf32>, tensor<6x32xf32>) -> tensor<6x32xf32>\n"
     "%3 = nn.reduce mean %2 axes [1] keep_dims : (tensor<6x32xf32>) -> tensor<6x1xf32>\n"
     "%4 = nn.binary add %3, %e : (tensor<6x1xf32>, tensor<f32>) -> tensor<6x1xf32>\n"
     "%5 = nn.unary sqrt %4 : (tensor<6x1xf32>) -> tensor<6x1xf32>\n"
     "%6 = nn.binary div %1, %5 : (tensor<6x32xf32>, tensor<6x1xf32>) -> tensor<6x32xf32>\nstep.yield %6, %4",
     {},
     4},
    {"one_row", "40xf32", "40xf32",
     "%0 = nn.reduce max %a axes [0] keep_dims : (tensor<40xf32>) -> tensor<1xf32>\n"
     "%1 = nn.unary exp %0 : (tensor<1xf32>) -> tensor<1xf32>\n"
     "%2 = nn.binary sub %a, %1 : (tensor<40xf32>, tensor<1xf32>) -> tensor<40xf32>\nstep.yield %2"},
    {"largest", "3x50xf32 3x50xf32", "3xi64 3x1xi64 3xi64",
     "%0 = nn.arg_reduce max %a axis 1 : (tensor<3x50xf32>) -> tensor<3xi64>\n"
     "%1 = nn.arg_reduce min %a axis 1 keep_dims : (tensor<3x50xf32>) -> tensor<3x1xi64>\n"
     "%2 = nn.arg_reduce max %b axis -1 last : (tensor<3x50xf32>) -> tensor<3xi64>\nstep.yield %0, %1, %2"},
    {"batched_product",
     "2x1x3x20xf32 3x20x5xf32 5xf32",
     "2x3x3x5xf32",
     "%0 = nn.matmul %a, %b : (tensor<2x1x3x20xf32>, tensor<3x20x5xf32>) -> tensor<2x3x3x5xf32>\n"
     "%1 = nn.binary add %0, %c : (tensor<2x3x3x5xf32>, tensor<5xf32>) -> tensor<2x3x3x5xf32>\nstep.yield %1",
     {},
     10},
    {"encoder_product",
     "1x40x96xf32 1x40x64xf32",
     "1x40x64xf32",
     "%w = nn.get_weight @matrix : tensor<96x64xf32>\n%v = nn.get_weight @row : tensor<64xf32>\n"
     "%0 = nn.matmul %a, %w : (tensor<1x40x96xf32>, tensor<96x64xf32>) -> tensor<1x40x64xf32>\n"
     "%1 = nn.binary add %0, %v : (tensor<1x40x64xf32>, tensor<64xf32>) -> tensor<1x40x64xf32>\n"
     "%2 = nn.unary gelu %1 : (tensor<1x40x64xf32>) -> tensor<1x40x64xf32>\n"
     "%3 = nn.binary add %2, %b : (tensor<1x40x64xf32>, tensor<1x40x64xf32>) -> tensor<1x40x64xf32>\nstep.yield %3",
     {},
     40},
    {"heads_of_a_product",
     "1x20x32xf16 32x32xf16 32xf16",
     "1x2x20x16xf16",
     "%q0 = nn.matmul %a, %b : (tensor<1x20x32xf16>, tensor<32x32xf16>) -> tensor<1x20x32xf16>\n"
     "%q1 = nn.binary add %q0, %c : (tensor<1x20x32xf16>, tensor<32xf16>) -> tensor<1x20x32xf16>\n"
     "%q2 = nn.reshape %q1 : tensor<1x20x32xf16> -> tensor<1x20x2x16xf16>\n"
     "%q3 = nn.transpose %q2 [0, 2, 1, 3] : (tensor<1x20x2x16xf16>) -> tensor<1x2x20x16xf16>\n"
     "step.yield %q3",
     {},
     4},
    {"query_key_value",
     "1x20x32xf32 32x32xf32 32x32xf32 32x32xf32 32xf32",
     "1x2x20x16xf32 1x2x16x20xf32 1x20x32xf32",
     "%q0 = nn.matmul %a, %b : (tensor<1x20x32xf32>, tensor<32x32xf32>) -> tensor<1x20x32xf32>\n"
     "%q1 = nn.binary add %q0, %e : (tensor<1x20x32xf32>, tensor<32xf32>) -> tensor<1x20x32xf32>\n"
     "%q2 = nn.reshape %q1 : tensor<1x20x32xf32> -> tensor<1x20x2x16xf32>\n"
     "%q3 = nn.transpose %q2 [0, 2, 1, 3] : (tensor<1x20x2x16xf32>) -> tensor<1x2x20x16xf32>\n"
     "%k0 = nn.matmul %a, %c : (tensor<1x20x32xf32>, tensor<32x32xf32>) -> tensor<1x20x32xf32>\n"
     "%k1 = nn.binary add %k0, %e : (tensor<1x20x32xf32>, tensor<32xf32>) -> tensor<1x20x32xf32>\n"
     "%k2 = nn.reshape %k1 : tensor<1x20x32xf32> -> tensor<1x20x2x16xf32>\n"
     "%k3 = nn.transpose %k2 [0, 2, 3, 1] : (tensor<1x20x2x16xf32>) -> tensor<1x2x16x20xf32>\n"
     "%v = nn.matmul %a, %d : (tensor<1x20x32xf32>, tensor<32x32xf32>) -> tensor<1x20x32xf32>\n"
     "step.yield %q3, %k3, %v",
     {},
     40},
    {"deep_product",
     "1x33x1536xf16 1536x64xf16",
     "1x33x64xf16",
     "%0 = nn.matmul %a, %b : (tensor<1x33x1536xf16>, tensor<1536x64xf16>) -> tensor<1x33x64xf16>\n"
     "step.yield %0",
     {},
     4},
    {"deep_products",
     "1x40x1024xf32 1024x32xf32 1024x32xf32 1024x32xf32",
     "1x40x32xf32 1x40x32xf32 1x40x32xf32",
     "%0 = nn.matmul %a, %b : (tensor<1x40x1024xf32>, tensor<1024x32xf32>) -> tensor<1x40x32xf32>\n"
     "%1 = nn.matmul %a, %c : (tensor<1x40x1024xf32>, tensor<1024x32xf32>) -> tensor<1x40x32xf32>\n"
     "%2 = nn.matmul %a, %d : (tensor<1x40x1024xf32>, tensor<1024x32xf32>) -> tensor<1x40x32xf32>\n"
     "step.yield %0, %1, %2",
     {},
     200},
    {"attention",
     "1x20x3x16xf16 1x40x3x16xf16 1x40x3x16xf16 1x1x20x40xf16",
     "1x20x48xf16",
     "%q = nn.transpose %a [0, 2, 1, 3] : (tensor<1x20x3x16xf16>) -> tensor<1x3x20x16xf16>\n"
     "%k = nn.transpose %b [0, 2, 3, 1] : (tensor<1x40x3x16xf16>) -> tensor<1x3x16x40xf16>\n"
     "%v = nn.transpose %c [0, 2, 1, 3] : (tensor<1x40x3x16xf16>) -> tensor<1x3x40x16xf16>\n"
     "%f = nn.constant dense<0.25> : tensor<f16>\n"
     "%0 = nn.matmul %q, %k : (tensor<1x3x20x16xf16>, tensor<1x3x16x40xf16>) -> tensor<1x3x20x40xf16>\n"
     "%1 = nn.binary mul %0, %f : (tensor<1x3x20x40xf16>, tensor<f16>) -> tensor<1x3x20x40xf16>\n"
     "%2 = nn.binary add %1, %d : (tensor<1x3x20x40xf16>, tensor<1x1x20x40xf16>) -> tensor<1x3x20x40xf16>\n"
     "%3 = nn.softmax %2 axis -1 : (tensor<1x3x20x40xf16>) -> tensor<1x3x20x40xf16>\n"
     "%4 = nn.matmul %3, %v : (tensor<1x3x20x40xf16>, tensor<1x3x40x16xf16>) -> tensor<1x3x20x16xf16>\n"
     "%5 = nn.transpose %4 [0, 2, 1, 3] : (tensor<1x3x20x16xf16>) -> tensor<1x20x3x16xf16>\n"
     "%6 = nn.reshape %5 : tensor<1x20x3x16xf16> -> tensor<1x20x48xf16>\nstep.yield %6",
     {},
     4},
    {"masked_attention",
     "2x2x70x32xf32 2x2x70x32xf32 2x2x70x32xf32 2x1x1x70xi64",
     "2x2x70x32xf32",
     "%k = nn.transpose %b [0, 1, 3, 2] : (tensor<2x2x70x32xf32>) -> tensor<2x2x32x70xf32>\n"
     "%m = nn.cast %d : tensor<2x1x1x70xi64> -> tensor<2x1x1x70xi1>\n"
     "%l = nn.constant dense<0xFF800000> : tensor<f32>\n%z = nn.constant dense<0.0> : tensor<f32>\n"
     "%0 = nn.matmul %a, %k : (tensor<2x2x70x32xf32>, tensor<2x2x32x70xf32>) -> tensor<2x2x70x70xf32>\n"
     "%1 = nn.where %m, %0, %l : (tensor<2x1x1x70xi1>, tensor<2x2x70x70xf32>, tensor<f32>) -> tensor<2x2x70x70xf32>\n"
     "%2 = nn.softmax %1 axis 3 : (tensor<2x2x70x70xf32>) -> tensor<2x2x70x70xf32>\n"
     "%3 = nn.unary is_nan %2 : (tensor<2x2x70x70xf32>) -> tensor<2x2x70x70xi1>\n"
     "%4 = nn.where %3, %z, %2 : (tensor<2x2x70x70xi1>, tensor<f32>, tensor<2x2x70x70xf32>) -> tensor<2x2x70x70xf32>\n"
     "%5 = nn.matmul %4, %c : (tensor<2x2x70x70xf32>, tensor<2x2x70x32xf32>) -> tensor<2x2x70x32xf32>\nstep.yield %5",
     {std::nullopt, std::nullopt, std::nullopt, Range{0, 1}},
     20},
    {"embedding_norm",
     "1x6xi64 1x6xi64",
     "1x6x8xf16",
     "%w = nn.get_weight @embeddings : tensor<6x8xf16>\n%p = nn.get_weight @positions : tensor<4x8xf16>\n"
     "%s = nn.constant dense<[1.0, 2.0, 0.5, 1.0, 1.5, 1.0, 2.0, 0.25]> : tensor<8xf16>\n"
     "%0 = nn.gather %w, %a axis 0 : (tensor<6x8xf16>, tensor<1x6xi64>) -> tensor<1x6x8xf16>\n"
     "%1 = nn.gather %p, %b axis 0 : (tensor<4x8xf16>, tensor<1x6xi64>) -> tensor<1x6x8xf16>\n"
     "%2 = nn.binary add %0, %1 : (tensor<1x6x8xf16>, tensor<1x6x8xf16>) -> tensor<1x6x8xf16>\n"
     "%3 = nn.layer_normalization %2, %s axis -1 eps 1.0e-5 : (tensor<1x6x8xf16>, tensor<8xf16>) -> "
     "tensor<1x6x8xf16>\nstep.yield %3",
     {Range{0, 5}, Range{0, 3}}},
    {"scores", "1x20x4x16xf16 1x20x4x16xf16", "1x4x20x20xf16",
     "%q = nn.transpose %a [0, 2, 1, 3] : (tensor<1x20x4x16xf16>) -> tensor<1x4x20x16xf16>\n"
     "%k = nn.transpose %b [0, 2, 3, 1] : (tensor<1x20x4x16xf16>) -> tensor<1x4x16x20xf16>\n"
     "%0 = nn.matmul %q, %k : (tensor<1x4x20x16xf16>, tensor<1x4x16x20xf16>) -> tensor<1x4x20x20xf16>\nstep.yield %0"},
    {"grouped_scores", "2x6x5x32xbf16 2x2x7x32xbf16", "2x6x5x7xbf16",
     "%r = nn.reshape %b : tensor<2x2x7x32xbf16> -> tensor<2x2x1x7x32xbf16>\n"
     "%e = nn.expand %r : (tensor<2x2x1x7x32xbf16>) -> tensor<2x2x3x7x32xbf16>\n"
     "%t = nn.transpose %e [0, 1, 2, 4, 3] : (tensor<2x2x3x7x32xbf16>) -> tensor<2x2x3x32x7xbf16>\n"
     "%q = nn.reshape %a : tensor<2x6x5x32xbf16> -> tensor<2x2x3x5x32xbf16>\n"
     "%0 = nn.matmul %q, %t : (tensor<2x2x3x5x32xbf16>, tensor<2x2x3x32x7xbf16>) -> tensor<2x2x3x5x7xbf16>\n"
     "%1 = nn.reshape %0 : tensor<2x2x3x5x7xbf16> -> tensor<2x6x5x7xbf16>\nstep.yield %1"},
    {"rows_of_vectors", "3x1x64xbf16 64xbf16", "3x1xbf16",
     "%0 = nn.matmul %a, %b : (tensor<3x1x64xbf16>, tensor<64xbf16>) -> tensor<3x1xbf16>\nstep.yield %0"},
    {"vector_products", "20xi32 20x5xi32", "5xi32",
     "%0 = nn.matmul %a, %b : (tensor<20xi32>, tensor<20x5xi32>) -> tensor<5xi32>\nstep.yield %0"},
};

/// Every reduction of every type that has it, over the last axis, the first, and two.
std::vector<Case> reductions() {
  std::vector<Case> cases;
  for (std::string_view spelling : nn::names(nn::ReduceFunction{})) {
    const std::string f(spelling);
    for (const std::string type : {"f32", "f16", "bf16", "f64", "i32", "i64", "ui8"}) {
      const std::string x = "tensor<3x4x40x" + type + ">";
      std::string body;
      body =
          "%0 = nn.reduce " + f + " %a axes [2] keep_dims : (" + x + ") -> tensor<3x4x1x" + type + ">\nstep.yield %0";
      // Logarithms need positive sums.
      const Range range = f == "prod" ? Range{1, 2} : Range{1, 9};
      const std::string t = "3x4x40x" + type;
      cases.push_back({f + "_last_" + type, t, "3x4x1x" + type, body, {range}, 40});
      if (type == "f32" || type == "i64") {
        body = "%0 = nn.reduce " + f + " %a axes [0] : (" + x + ") -> tensor<4x40x" + type + ">\nstep.yield %0";
        cases.push_back({f + "_first_" + type, t, "4x40x" + type, body, {range}, 40});
        body = "%0 = nn.reduce " + f + " %a axes [0, 2] : (" + x + ") -> tensor<4x" + type + ">\nstep.yield %0";
        cases.push_back({f + "_two_" + type, t, "4x" + type, body, {range}, 400});
      }
    }
  }
  return cases;
}

const char weights[] = R"(
nn.weight @embeddings : tensor<6x8xf16> = dense<[[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5],
  [9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0], [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0], [2.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0, 3.0],
  [-1.0, -2.0, -3.0, -4.0, -5.0, -6.0, -7.0, -8.0]]> : tensor<6x8xf16>
nn.weight @positions : tensor<4x8xf16> = dense<0.25> : tensor<4x8xf16>
nn.weight @matrix : tensor<96x64xf32> = dense<0.75> : tensor<96x64xf32>
nn.weight @row : tensor<64xf32> = dense<2.25> : tensor<64xf32>
nn.weight @scale : tensor<384xf32> = dense<1.5> : tensor<384xf32>
nn.weight @bias : tensor<384xf32> = dense<-0.5> : tensor<384xf32>
)";

class AllFusions : public FusionTest {
protected:
  static std::string program() {
    std::string program = weights;
    for (const std::vector<Case> &some : {cases, reductions()})
      for (const Case &each : some)
        program += text(each);
    return program;
  }
  static void SetUpTestSuite() {
    fusions_ = new Fusions(program());
    if (const char *file = std::getenv("CADENZA_WRITE_SOURCE"))
      std::ofstream(file) << fusions_->source.model().text;
  }
  static void TearDownTestSuite() { delete fusions_; }
  void SetUp() override {
    FusionTest::SetUp();
    ASSERT_EQ(fusions_->errors, "");
  }
  static Fusions *fusions_;
};
Fusions *AllFusions::fusions_ = nullptr;

TEST_F(AllFusions, GiveWhatTheReferencesGive) {
  for (const Case &each : cases)
    check(*fusions_, each.name, each.ranges, each.tolerance);
}

TEST_F(AllFusions, OfBlocksDoNotDependOnTheSchedule) {
  for (int seed = 1; seed <= 12; ++seed) {
    restartWithSeed(seed);
    check(*fusions_, "wide_layer_norm", {}, 4);
    check(*fusions_, "very_wide_norm", {}, 10);
  }
}

TEST_F(AllFusions, ProductsAreOnTensorCores) {
  const std::string &source = fusions_->source.model().text;
  for (const char *name : {"encoder_product", "heads_of_a_product", "scores_phase", "rows_of_vectors"})
    EXPECT_NE(source.find("Matmul<phase::" + std::string(name) + ">::run"), std::string::npos) << name;
  EXPECT_NE(source.find("Matmul<product_2>::run(args.args_2, block)"), std::string::npos);
  for (const char *name : {"attention_phase", "masked_attention"})
    EXPECT_NE(source.find("AttendSequence<phase::" + std::string(name) + ">::run"), std::string::npos) << name;
}

TEST_F(AllFusions, ADeepProductIsDividedOverClusters) {
  for (const char *name : {"deep_product", "deep_products"})
    EXPECT_GT(fusions_->kernel(name).cluster, 1u) << name;
  EXPECT_EQ(fusions_->kernel("encoder_product").cluster, 1u);
}

TEST_F(AllFusions, ReduceAsTheReferencesDo) {
  for (const Case &each : reductions())
    check(*fusions_, each.name, each.ranges, each.tolerance);
}

TEST_F(AllFusions, EndWithAnErrorAtAnIndexThatThereIsNot) {
  const int64_t indices[] = {0, 6, 1, 2, 3}; // of six embeddings
  const int64_t positions[] = {0, 0, 0, 0, 0};
  const std::vector<nn::TensorValue> inputs = {nn::tensorOf(ElementType::i64, {1, 5}, indices),
                                               nn::tensorOf(ElementType::i32, {5}, positions)};
  EXPECT_NE(launchAndFinish(*fusions_, "embedded", inputs), CUDA_SUCCESS);
  EXPECT_NE(message().find("trap"), std::string::npos) << message();
}

TEST_F(AllFusions, CompileForGpus) {
  StatusOr<Nvrtc> nvrtc = Nvrtc::load();
  if (!nvrtc.isOk())
    GTEST_SKIP() << nvrtc.status().message();
  const Fusions without(program(), /*clusters=*/false);
  for (const auto &[list, fusions] :
       {std::pair<const char *, const Fusions *>{"sm_90,sm_120", fusions_}, {"sm_80", &without}}) {
    StatusOr<std::vector<const DeviceTarget *>> targets = parseTargets(list);
    ASSERT_TRUE(targets.isOk());
    StatusOr<std::vector<CompiledCode>> code = nvrtc->compile(fusions->source, *targets);
    ASSERT_TRUE(code.isOk()) << code.status().message();
    for (const CompiledCode &target : *code)
      EXPECT_EQ(target.resources.size(), fusions->source.kernels.size()) << target.target;
  }
}

} // namespace
