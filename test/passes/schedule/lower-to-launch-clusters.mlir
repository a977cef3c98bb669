// On GPUs that have thread block clusters, their blocks divide the depth of a product that has few tiles.
// RUN: cadenza-opt %s --lower-to-launch=clusters=true | FileCheck %s --check-prefix=CLUSTERS
// RUN: cadenza-opt %s --lower-to-launch | FileCheck %s --check-prefix=NONE
// CLUSTERS: sched.launch "deep" blocks [[BLOCKS:[0-9]+]] threads {{.*}} {cluster = {{[248]}} : i64
// NONE: sched.launch "deep" blocks
// NONE-NOT: cluster
// NONE: sched.launch "shallow"
// CLUSTERS: sched.launch "shallow"
// CLUSTERS-NOT: cluster
func.func @run(%a: tensor<32x2048xf16> {nn.port = #nn.port<"a">}, %b: tensor<2048x64xf16> {nn.port = #nn.port<"b">}, %c: tensor<64x64xf16> {nn.port = #nn.port<"c">}) -> (tensor<32x64xf16> {nn.port = #nn.port<"y">}) {
  %0 = step.fusion (%x = %a, %y = %b) : (tensor<32x2048xf16>, tensor<2048x64xf16>) -> tensor<32x64xf16> {
    %2 = nn.matmul %x, %y : (tensor<32x2048xf16>, tensor<2048x64xf16>) -> tensor<32x64xf16>
    step.yield %2 : tensor<32x64xf16>
  } {phase = "deep"}
  %1 = step.fusion (%x = %0, %y = %c) : (tensor<32x64xf16>, tensor<64x64xf16>) -> tensor<32x64xf16> {
    %2 = nn.matmul %x, %y : (tensor<32x64xf16>, tensor<64x64xf16>) -> tensor<32x64xf16>
    step.yield %2 : tensor<32x64xf16>
  } {phase = "shallow"}
  return %1 : tensor<32x64xf16>
}
