// RUN: cadenza-opt %s --bound-caches -split-input-file | FileCheck %s

// Layers of one body: each cache is as large as its layer's window.
// CHECK: nn.cache @cache0 heads 2 head_dim 16 : bf16 {step.positions = 12 : i64}
// CHECK: nn.cache @cache1 heads 2 head_dim 16 : bf16{{$}}
// CHECK: nn.cache @cache2 heads 2 head_dim 16 : bf16 {step.positions = 1 : i64}
nn.cache @cache0 heads 2 head_dim 16 : bf16
nn.cache @cache1 heads 2 head_dim 16 : bf16
nn.cache @cache2 heads 2 head_dim 16 : bf16
nn.scalar @window0 = 12
nn.scalar @window1 = 0
nn.scalar @window2 = 1
step.table @cache [@cache0, @cache1, @cache2]
step.table @window [@window0, @window1, @window2]
func.func @layers(%q: tensor<1x32xf32>, %p: tensor<1xi32>) -> tensor<1x32xf32> {
  // CHECK: step.attend {{.*}} window @window {passes = ["bound-caches"]}
  %y = step.layers count 3 (%x = %q) : tensor<1x32xf32> {
    %a = step.attend %x at %p, @cache heads 2 scale 0.5 window @window : tensor<1x32xf32> -> tensor<1x32xf32>
    step.yield %a : tensor<1x32xf32>
  }
  return %y : tensor<1x32xf32>
}

// -----

// A tile of four tokens, and one of two: the first query of the larger one needs what the tile's last key would overwrite.
// CHECK: nn.cache @cache0 heads 2 head_dim 16 : bf16 {step.positions = 15 : i64}
// CHECK: nn.cache @cache1 heads 2 head_dim 16 : bf16{{$}}
nn.cache @cache0 heads 2 head_dim 16 : bf16
nn.cache @cache1 heads 2 head_dim 16 : bf16
nn.scalar @window0 = 12
nn.scalar @window1 = 0
step.table @cache [@cache0, @cache1]
step.table @window [@window0, @window1]
func.func @of_four(%q: tensor<4x32xf32>, %p: tensor<1xi32>) -> tensor<4x32xf32> {
  %y = step.layers count 2 (%x = %q) : tensor<4x32xf32> {
    %a = step.attend %x at %p, @cache heads 2 scale 0.5 window @window : tensor<4x32xf32> -> tensor<4x32xf32>
    step.yield %a : tensor<4x32xf32>
  }
  return %y : tensor<4x32xf32>
}
func.func @of_two(%q: tensor<2x32xf32>, %p: tensor<1xi32>) -> tensor<2x32xf32> {
  %a = step.attend %q at %p, @cache0 heads 2 scale 0.5 window @window0 : tensor<2x32xf32> -> tensor<2x32xf32>
  return %a : tensor<2x32xf32>
}

// -----

// A window that all layers have; a cache of several readers is as large as the widest window, and keeps everything if
// one of them has no window; without a window, or with a window of 0, nothing changes.
// CHECK: nn.cache @cache0 heads 2 head_dim 16 : bf16 {step.positions = 7 : i64}
// CHECK: nn.cache @cache1 heads 2 head_dim 16 : bf16 {step.positions = 7 : i64}
// CHECK: nn.cache @two heads 2 head_dim 16 : bf16 {step.positions = 9 : i64}
// CHECK: nn.cache @varying heads 2 head_dim 16 : bf16 {step.positions = 9 : i64}
// CHECK: nn.cache @also_whole heads 2 head_dim 16 : bf16{{$}}
// CHECK: nn.cache @no_window heads 2 head_dim 16 : bf16{{$}}
// CHECK: nn.cache @window_of_0 heads 2 head_dim 16 : bf16{{$}}
nn.cache @cache0 heads 2 head_dim 16 : bf16
nn.cache @cache1 heads 2 head_dim 16 : bf16
nn.cache @two heads 2 head_dim 16 : bf16
nn.cache @varying heads 2 head_dim 16 : bf16
nn.cache @also_whole heads 2 head_dim 16 : bf16
nn.cache @no_window heads 2 head_dim 16 : bf16
nn.cache @window_of_0 heads 2 head_dim 16 : bf16
nn.scalar @seven = 7
nn.scalar @nine = 9
nn.scalar @none = 0
step.table @cache [@cache0, @cache1]
step.table @window [@seven, @nine]
func.func @readers(%q: tensor<1x32xf32>, %p: tensor<1xi32>) -> tensor<1x32xf32> {
  %y = step.layers count 2 (%x = %q) : tensor<1x32xf32> {
    %a = step.attend %x at %p, @cache heads 2 scale 0.5 window @seven : tensor<1x32xf32> -> tensor<1x32xf32>
    %b = step.attend %a at %p, @varying heads 2 scale 0.5 window @window : tensor<1x32xf32> -> tensor<1x32xf32>
    step.yield %b : tensor<1x32xf32>
  }
  // CHECK: step.attend {{.*}} @two {{.*}} {passes = ["bound-caches"]}
  // CHECK: step.attend {{.*}} @two {{.*}} {passes = ["bound-caches"]}
  // CHECK-NOT: passes
  %0 = step.attend %y at %p, @two heads 2 scale 0.5 window @nine : tensor<1x32xf32> -> tensor<1x32xf32>
  %1 = step.attend %0 at %p, @two heads 2 scale 0.5 window @seven : tensor<1x32xf32> -> tensor<1x32xf32>
  %2 = step.attend %1 at %p, @also_whole heads 2 scale 0.5 window @nine : tensor<1x32xf32> -> tensor<1x32xf32>
  %3 = step.attend %2 at %p, @also_whole heads 2 scale 0.5 : tensor<1x32xf32> -> tensor<1x32xf32>
  %4 = step.attend %3 at %p, @no_window heads 2 scale 0.5 : tensor<1x32xf32> -> tensor<1x32xf32>
  %5 = step.attend %4 at %p, @window_of_0 heads 2 scale 0.5 window @none : tensor<1x32xf32> -> tensor<1x32xf32>
  return %5 : tensor<1x32xf32>
}
