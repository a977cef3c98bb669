// RUN: cadenza-opt %s -canonicalize | FileCheck %s

// CHECK-LABEL: func.func @reshapes(
// CHECK-SAME: %[[X:.*]]: tensor<1x?x8x64xf32>
func.func @reshapes(%x: tensor<1x?x8x64xf32>) -> (tensor<1x?x8x64xf32>, tensor<?x512xf32>) {
  %a = nn.reshape %x : tensor<1x?x8x64xf32> -> tensor<1x?x512xf32>
  %b = nn.reshape %a : tensor<1x?x512xf32> -> tensor<1x?x8x64xf32>
  %c = nn.reshape %a : tensor<1x?x512xf32> -> tensor<?x512xf32>
  // CHECK: %[[C:.*]] = nn.reshape %[[X]] : tensor<1x?x8x64xf32> -> tensor<?x512xf32>
  // CHECK-NEXT: return %[[X]], %[[C]]
  return %b, %c : tensor<1x?x8x64xf32>, tensor<?x512xf32>
}

// The middle has one open extent, of which the result's two do not follow.
// CHECK-LABEL: func.func @negative_reshapes(
func.func @negative_reshapes(%x: tensor<?x?x2xf32>) -> tensor<?x2xf32> {
  // CHECK: nn.reshape %{{.*}} : tensor<?x?x2xf32> -> tensor<?x2xf32>
  // CHECK-NEXT: return
  %a = nn.reshape %x : tensor<?x?x2xf32> -> tensor<?xf32>
  %b = nn.reshape %a : tensor<?xf32> -> tensor<?x2xf32>
  return %b : tensor<?x2xf32>
}

// CHECK-LABEL: func.func @transposes(
// CHECK-SAME: %[[X:.*]]: tensor<2x3x4xf32>
func.func @transposes(%x: tensor<2x3x4xf32>) -> (tensor<2x3x4xf32>, tensor<3x2x4xf32>) {
  %a = nn.transpose %x [1, 2, 0] : (tensor<2x3x4xf32>) -> tensor<3x4x2xf32>
  %b = nn.transpose %a [2, 0, 1] : (tensor<3x4x2xf32>) -> tensor<2x3x4xf32>
  %c = nn.transpose %a [0, 2, 1] : (tensor<3x4x2xf32>) -> tensor<3x2x4xf32>
  // CHECK: %[[C:.*]] = nn.transpose %[[X]] [1, 0, 2] : (tensor<2x3x4xf32>) -> tensor<3x2x4xf32>
  // CHECK-NEXT: return %[[X]], %[[C]]
  return %b, %c : tensor<2x3x4xf32>, tensor<3x2x4xf32>
}

// One token's heads: nothing moves.
// CHECK-LABEL: func.func @transpose_of_ones(
func.func @transpose_of_ones(%x: tensor<1x1x512xf32>, %y: tensor<1x?x8x64xf32>) -> (tensor<1x8x1x64xf32>, tensor<1x8x?x64xf32>) {
  // CHECK: nn.reshape %{{.*}} : tensor<1x1x512xf32> -> tensor<1x8x1x64xf32>
  %a = nn.reshape %x : tensor<1x1x512xf32> -> tensor<1x1x8x64xf32>
  %b = nn.transpose %a [0, 2, 1, 3] : (tensor<1x1x8x64xf32>) -> tensor<1x8x1x64xf32>
  // CHECK: nn.transpose %{{.*}} [0, 2, 1, 3] : (tensor<1x?x8x64xf32>) -> tensor<1x8x?x64xf32>
  %c = nn.transpose %y [0, 2, 1, 3] : (tensor<1x?x8x64xf32>) -> tensor<1x8x?x64xf32>
  return %b, %c : tensor<1x8x1x64xf32>, tensor<1x8x?x64xf32>
}

// CHECK-LABEL: func.func @casts(
// CHECK-SAME: %[[X:.*]]: tensor<2xf16>, %[[I:.*]]: tensor<2xi32>, %[[F:.*]]: tensor<2xf32>
func.func @casts(%x: tensor<2xf16>, %i: tensor<2xi32>, %f: tensor<2xf32>, %s: tensor<2xi8>)
    -> (tensor<2xf16>, tensor<2xf64>, tensor<2xi8>, tensor<2xf32>, tensor<2xi8>, tensor<2xui8>) {
  %wide = nn.cast %x : tensor<2xf16> -> tensor<2xf32>
  %back = nn.cast %wide : tensor<2xf32> -> tensor<2xf16>
  // CHECK-DAG: %[[WIDER:.*]] = nn.cast %[[X]] : tensor<2xf16> -> tensor<2xf64>
  %wider = nn.cast %wide : tensor<2xf32> -> tensor<2xf64>
  // CHECK-DAG: %[[BYTE:.*]] = nn.cast %[[I]] : tensor<2xi32> -> tensor<2xi8>
  %long = nn.cast %i : tensor<2xi32> -> tensor<2xi64>
  %byte = nn.cast %long : tensor<2xi64> -> tensor<2xi8>
  // What stays: a cast that rounds, and two to narrower integers through a float, which saturate where a direct one wraps.
  // CHECK-DAG: %[[NARROW:.*]] = nn.cast %[[F]] : tensor<2xf32> -> tensor<2xf16>
  // CHECK-DAG: %[[ROUNDED:.*]] = nn.cast %[[NARROW]] : tensor<2xf16> -> tensor<2xf32>
  %narrow = nn.cast %f : tensor<2xf32> -> tensor<2xf16>
  %rounded = nn.cast %narrow : tensor<2xf16> -> tensor<2xf32>
  // CHECK-DAG: %[[REAL:.*]] = nn.cast %[[I]] : tensor<2xi32> -> tensor<2xf64>
  // CHECK-DAG: %[[SATURATED:.*]] = nn.cast %[[REAL]] : tensor<2xf64> -> tensor<2xi8>
  %real = nn.cast %i : tensor<2xi32> -> tensor<2xf64>
  %saturated = nn.cast %real : tensor<2xf64> -> tensor<2xi8>
  // CHECK-DAG: %[[SIGNED:.*]] = nn.cast %{{.*}} : tensor<2xi8> -> tensor<2xf32>
  // CHECK-DAG: %[[ABOVE:.*]] = nn.cast %[[SIGNED]] : tensor<2xf32> -> tensor<2xui8>
  %signed = nn.cast %s : tensor<2xi8> -> tensor<2xf32>
  %above = nn.cast %signed : tensor<2xf32> -> tensor<2xui8>
  // CHECK: return %[[X]], %[[WIDER]], %[[BYTE]], %[[ROUNDED]], %[[SATURATED]], %[[ABOVE]]
  return %back, %wider, %byte, %rounded, %saturated, %above
      : tensor<2xf16>, tensor<2xf64>, tensor<2xi8>, tensor<2xf32>, tensor<2xi8>, tensor<2xui8>
}

// CHECK-LABEL: func.func @neutral(
// CHECK-SAME: %[[X:.*]]: tensor<2x3xf32>, %[[I:.*]]: tensor<3xi64>
func.func @neutral(%x: tensor<2x3xf32>, %i: tensor<3xi64>)
    -> (tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<3xi64>, tensor<2x3xf32>) {
  %one = nn.constant dense<1.0> : tensor<f32>
  %zero = nn.constant dense<0.0> : tensor<f32>
  %negative = nn.constant dense<-0.0> : tensor<1xf32>
  %none = nn.constant dense<0> : tensor<i64>
  %a = nn.binary mul %one, %x : (tensor<f32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %b = nn.binary sub %a, %zero : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>
  %c = nn.binary add %x, %negative : (tensor<2x3xf32>, tensor<1xf32>) -> tensor<2x3xf32>
  %d = nn.binary add %i, %none : (tensor<3xi64>, tensor<i64>) -> tensor<3xi64>
  %e = nn.binary div %x, %one : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>
  // CHECK-NEXT: return %[[X]], %[[X]], %[[X]], %[[I]], %[[X]]
  return %a, %b, %c, %d, %e : tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<3xi64>, tensor<2x3xf32>
}

// -0 + 0 is 0; 0 - x is no x; an open extent that is 1 would repeat.
// CHECK-LABEL: func.func @negative_neutral(
func.func @negative_neutral(%x: tensor<2x3xf32>, %y: tensor<?xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>, tensor<?xf32>) {
  %zero = nn.constant dense<0.0> : tensor<f32>
  %ones = nn.constant dense<1.0> : tensor<5xf32>
  // CHECK: nn.binary add
  %a = nn.binary add %x, %zero : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>
  // CHECK: nn.binary sub
  %b = nn.binary sub %zero, %x : (tensor<f32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: nn.binary mul
  %c = nn.binary mul %y, %ones : (tensor<?xf32>, tensor<5xf32>) -> tensor<?xf32>
  return %a, %b, %c : tensor<2x3xf32>, tensor<2x3xf32>, tensor<?xf32>
}

// CHECK-LABEL: func.func @constants_to_the_right(
// CHECK-SAME: %[[X:.*]]: tensor<2xf32>
func.func @constants_to_the_right(%x: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
  // CHECK: %[[C:.*]] = nn.constant
  %c = nn.constant dense<2.0> : tensor<f32>
  // CHECK: nn.binary mul %[[X]], %[[C]] : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  %a = nn.binary mul %c, %x : (tensor<f32>, tensor<2xf32>) -> tensor<2xf32>
  // CHECK: nn.binary pow %[[C]], %[[X]]
  %b = nn.binary pow %c, %x : (tensor<f32>, tensor<2xf32>) -> tensor<2xf32>
  return %a, %b : tensor<2xf32>, tensor<2xf32>
}

// CHECK-LABEL: func.func @twice(
// CHECK-SAME: %[[X:.*]]: tensor<2xf32>
func.func @twice(%x: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) {
  %a = nn.unary neg %x : (tensor<2xf32>) -> tensor<2xf32>
  %b = nn.unary neg %a : (tensor<2xf32>) -> tensor<2xf32>
  // CHECK: %[[FLOOR:.*]] = nn.unary floor %[[X]]
  %c = nn.unary floor %x : (tensor<2xf32>) -> tensor<2xf32>
  %d = nn.unary floor %c : (tensor<2xf32>) -> tensor<2xf32>
  // CHECK: %[[EXP:.*]] = nn.unary exp
  // CHECK: %[[EXPEXP:.*]] = nn.unary exp %[[EXP]]
  %e = nn.unary exp %x : (tensor<2xf32>) -> tensor<2xf32>
  %f = nn.unary exp %e : (tensor<2xf32>) -> tensor<2xf32>
  // CHECK: return %[[X]], %[[FLOOR]], %[[EXPEXP]]
  return %b, %d, %f : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
}

// CHECK-LABEL: func.func @slices(
// CHECK-SAME: %[[X:.*]]: tensor<1x4xf32>, %[[Y:.*]]: tensor<1x6xf32>, %[[P:.*]]: tensor<1x?xf32>
func.func @slices(%x: tensor<1x4xf32>, %y: tensor<1x6xf32>, %past: tensor<1x?xf32>)
    -> (tensor<1x4xf32>, tensor<1x3xf32>, tensor<1x3xf32>, tensor<1x4xf32>, tensor<1x1xf32>) {
  // CHECK: %[[BOTH:.*]] = nn.concat %[[X]], %[[Y]]
  %both = nn.concat %x, %y axis -1 : (tensor<1x4xf32>, tensor<1x6xf32>) -> tensor<1x10xf32>
  %a = nn.slice %both starts [0, 0] sizes [1, 4] : (tensor<1x10xf32>) -> tensor<1x4xf32>
  // CHECK: %[[B:.*]] = nn.slice %[[Y]] starts [0, 2] sizes [1, 3] : (tensor<1x6xf32>) -> tensor<1x3xf32>
  %b = nn.slice %both starts [0, 6] sizes [1, 3] : (tensor<1x10xf32>) -> tensor<1x3xf32>
  // CHECK: %[[C:.*]] = nn.slice %[[Y]] starts [0, 5] sizes [1, 3] steps [1, -2] : (tensor<1x6xf32>) -> tensor<1x3xf32>
  %c = nn.slice %both starts [0, 9] sizes [1, 3] steps [1, -2] : (tensor<1x10xf32>) -> tensor<1x3xf32>
  // Of both parts, and of what comes after an open extent.
  // CHECK: %[[D:.*]] = nn.slice %[[BOTH]] starts [0, 2] sizes [1, 4]
  %d = nn.slice %both starts [0, 2] sizes [1, 4] : (tensor<1x10xf32>) -> tensor<1x4xf32>
  // CHECK: %[[CACHE:.*]] = nn.concat %[[P]], %[[X]]
  // CHECK: %[[E:.*]] = nn.slice %[[CACHE]]
  %cache = nn.concat %past, %x axis 1 : (tensor<1x?xf32>, tensor<1x4xf32>) -> tensor<1x?xf32>
  %e = nn.slice %cache starts [0, 0] sizes [1, 1] : (tensor<1x?xf32>) -> tensor<1x1xf32>
  // CHECK: return %[[X]], %[[B]], %[[C]], %[[D]], %[[E]]
  return %a, %b, %c, %d, %e : tensor<1x4xf32>, tensor<1x3xf32>, tensor<1x3xf32>, tensor<1x4xf32>, tensor<1x1xf32>
}

// CHECK-LABEL: func.func @identities(
// CHECK-SAME: %[[X:.*]]: tensor<1x?xf32>, %[[Y:.*]]: tensor<1x?xf32>
func.func @identities(%x: tensor<1x?xf32>, %y: tensor<1x?xf32>, %c: tensor<i1>)
    -> (tensor<1x?xf32>, tensor<1x?xf32>, tensor<1x?xf32>, tensor<1x?xf32>, tensor<1x?xf32>) {
  %yes = nn.constant dense<true> : tensor<i1>
  %zero = nn.constant dense<0.0> : tensor<f32>
  %a = nn.expand %x : (tensor<1x?xf32>) -> tensor<1x?xf32>
  %b = nn.pad edge %x begins [0, 0] ends [0, 0] : (tensor<1x?xf32>) -> tensor<1x?xf32>
  %d = nn.concat %x axis 1 : (tensor<1x?xf32>) -> tensor<1x?xf32>
  %e = nn.where %yes, %x, %zero : (tensor<i1>, tensor<1x?xf32>, tensor<f32>) -> tensor<1x?xf32>
  %f = nn.where %c, %y, %y : (tensor<i1>, tensor<1x?xf32>, tensor<1x?xf32>) -> tensor<1x?xf32>
  // CHECK-NEXT: return %[[X]], %[[X]], %[[X]], %[[X]], %[[Y]]
  return %a, %b, %d, %e, %f : tensor<1x?xf32>, tensor<1x?xf32>, tensor<1x?xf32>, tensor<1x?xf32>, tensor<1x?xf32>
}
