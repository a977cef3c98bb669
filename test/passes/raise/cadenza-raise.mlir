// RUN: cadenza-opt %s --cadenza-raise | FileCheck %s
// RUN: cadenza-opt %S/Inputs/llama-torch18.mlir --cadenza-raise | FileCheck %s
// RUN: cadenza-opt %s --cadenza-raise --verify-numerics -o /dev/null 2>&1 | FileCheck %s --check-prefix=VERIFY
// RUN: cadenza-opt %S/Inputs/llama-torch18.mlir --cadenza-raise --verify-numerics -o /dev/null 2>&1 | FileCheck %s --check-prefix=VERIFY
// VERIFY: verified {{[1-9][0-9]}} passes

// The step of a two-layer Llama as torch.onnx writes it at opset 18 (Inputs/llama-torch18.mlir; below, with rotations and
// attentions that have been raised): what is made of it is the module of the Hugging Face importer.
// CHECK: module {
// CHECK-NEXT: nn.weight @embedding.weight : tensor<288x48xbf16>
// CHECK-NEXT: nn.weight @layers.0.attention_norm.weight : tensor<48xf32>
// CHECK-NEXT: nn.weight @layers.0.attention.query.weight : tensor<96x48xbf16>
// CHECK-NEXT: nn.weight @layers.0.attention.key.weight : tensor<32x48xbf16>
// CHECK-NEXT: nn.weight @layers.0.attention.value.weight : tensor<32x48xbf16>
// CHECK-NEXT: nn.weight @rope.inverse_frequencies : tensor<8xf32> = dense<{{.*}}> : tensor<8xf32>
// CHECK-NEXT: nn.cache @layers.0.cache heads 2 head_dim 16 : bf16
// CHECK-NEXT: nn.weight @layers.0.attention.output.weight : tensor<48x96xbf16>
// CHECK-NEXT: nn.weight @layers.0.mlp_norm.weight : tensor<48xf32>
// CHECK-NEXT: nn.weight @layers.0.mlp.gate.weight : tensor<48x48xbf16>
// CHECK-NEXT: nn.weight @layers.0.mlp.up.weight : tensor<48x48xbf16>
// CHECK-NEXT: nn.weight @layers.0.mlp.down.weight : tensor<48x48xbf16>
// CHECK-NEXT: nn.weight @layers.1.attention_norm.weight : tensor<48xf32>
// CHECK-NEXT: nn.weight @layers.1.attention.query.weight : tensor<96x48xbf16>
// CHECK-NEXT: nn.weight @layers.1.attention.key.weight : tensor<32x48xbf16>
// CHECK-NEXT: nn.weight @layers.1.attention.value.weight : tensor<32x48xbf16>
// CHECK-NEXT: nn.cache @layers.1.cache heads 2 head_dim 16 : bf16
// CHECK-NEXT: nn.weight @layers.1.attention.output.weight : tensor<48x96xbf16>
// CHECK-NEXT: nn.weight @layers.1.mlp_norm.weight : tensor<48xf32>
// CHECK-NEXT: nn.weight @layers.1.mlp.gate.weight : tensor<48x48xbf16>
// CHECK-NEXT: nn.weight @layers.1.mlp.up.weight : tensor<48x48xbf16>
// CHECK-NEXT: nn.weight @layers.1.mlp.down.weight : tensor<48x48xbf16>
// CHECK-NEXT: nn.weight @final_norm.weight : tensor<48xf32>
// CHECK-NEXT: nn.weight @head.weight : tensor<288x48xbf16>
// CHECK-NEXT: func.func @decode(%arg0: tensor<1xi32> {nn.port = #nn.port<token>}, %arg1: tensor<1xi32> {nn.port = #nn.port<position>}) -> (tensor<1xi32> {nn.port = #nn.port<next>}) {
// CHECK-NEXT: %0 = nn.embedding %arg0, @embedding.weight : tensor<1x48xf32>
// CHECK-NEXT: %1 = nn.rms_norm %0, @layers.0.attention_norm.weight eps 1.000000e-05 : tensor<1x48xf32>
// CHECK-NEXT: %2 = nn.linear %1, @layers.0.attention.query.weight : (tensor<1x48xf32>) -> tensor<1x96xf32>
// CHECK-NEXT: %3 = nn.linear %1, @layers.0.attention.key.weight : (tensor<1x48xf32>) -> tensor<1x32xf32>
// CHECK-NEXT: %4 = nn.linear %1, @layers.0.attention.value.weight : (tensor<1x48xf32>) -> tensor<1x32xf32>
// CHECK-NEXT: %5 = nn.rope %2, %arg1, @rope.inverse_frequencies head_dim 16 : tensor<1x96xf32>
// CHECK-NEXT: %6 = nn.rope %3, %arg1, @rope.inverse_frequencies head_dim 16 : tensor<1x32xf32>
// CHECK-NEXT: nn.kv_append %6, %4, %arg1, @layers.0.cache : tensor<1x32xf32>
// CHECK-NEXT: %7 = nn.attention %5, %arg1, @layers.0.cache heads 6 scale 2.500000e-01 : tensor<1x96xf32>
// CHECK-NEXT: %8 = nn.linear %7, @layers.0.attention.output.weight : (tensor<1x96xf32>) -> tensor<1x48xf32>
// CHECK-NEXT: %9 = nn.add %0, %8 : tensor<1x48xf32>
// CHECK-NEXT: %10 = nn.rms_norm %9, @layers.0.mlp_norm.weight eps 1.000000e-05 : tensor<1x48xf32>
// CHECK-NEXT: %11 = nn.linear %10, @layers.0.mlp.gate.weight : (tensor<1x48xf32>) -> tensor<1x48xf32>
// CHECK-NEXT: %12 = nn.linear %10, @layers.0.mlp.up.weight : (tensor<1x48xf32>) -> tensor<1x48xf32>
// CHECK-NEXT: %13 = nn.silu %11 : tensor<1x48xf32>
// CHECK-NEXT: %14 = nn.mul %13, %12 : tensor<1x48xf32>
// CHECK-NEXT: %15 = nn.linear %14, @layers.0.mlp.down.weight : (tensor<1x48xf32>) -> tensor<1x48xf32>
// CHECK-NEXT: %16 = nn.add %9, %15 : tensor<1x48xf32>
// CHECK-NEXT: %17 = nn.rms_norm %16, @layers.1.attention_norm.weight eps 1.000000e-05 : tensor<1x48xf32>
// CHECK-NEXT: %18 = nn.linear %17, @layers.1.attention.query.weight : (tensor<1x48xf32>) -> tensor<1x96xf32>
// CHECK-NEXT: %19 = nn.linear %17, @layers.1.attention.key.weight : (tensor<1x48xf32>) -> tensor<1x32xf32>
// CHECK-NEXT: %20 = nn.linear %17, @layers.1.attention.value.weight : (tensor<1x48xf32>) -> tensor<1x32xf32>
// CHECK-NEXT: %21 = nn.rope %18, %arg1, @rope.inverse_frequencies head_dim 16 : tensor<1x96xf32>
// CHECK-NEXT: %22 = nn.rope %19, %arg1, @rope.inverse_frequencies head_dim 16 : tensor<1x32xf32>
// CHECK-NEXT: nn.kv_append %22, %20, %arg1, @layers.1.cache : tensor<1x32xf32>
// CHECK-NEXT: %23 = nn.attention %21, %arg1, @layers.1.cache heads 6 scale 2.500000e-01 : tensor<1x96xf32>
// CHECK-NEXT: %24 = nn.linear %23, @layers.1.attention.output.weight : (tensor<1x96xf32>) -> tensor<1x48xf32>
// CHECK-NEXT: %25 = nn.add %16, %24 : tensor<1x48xf32>
// CHECK-NEXT: %26 = nn.rms_norm %25, @layers.1.mlp_norm.weight eps 1.000000e-05 : tensor<1x48xf32>
// CHECK-NEXT: %27 = nn.linear %26, @layers.1.mlp.gate.weight : (tensor<1x48xf32>) -> tensor<1x48xf32>
// CHECK-NEXT: %28 = nn.linear %26, @layers.1.mlp.up.weight : (tensor<1x48xf32>) -> tensor<1x48xf32>
// CHECK-NEXT: %29 = nn.silu %27 : tensor<1x48xf32>
// CHECK-NEXT: %30 = nn.mul %29, %28 : tensor<1x48xf32>
// CHECK-NEXT: %31 = nn.linear %30, @layers.1.mlp.down.weight : (tensor<1x48xf32>) -> tensor<1x48xf32>
// CHECK-NEXT: %32 = nn.add %25, %31 : tensor<1x48xf32>
// CHECK-NEXT: %33 = nn.rms_norm %32, @final_norm.weight eps 1.000000e-05 : tensor<1x48xf32>
// CHECK-NEXT: %34 = nn.linear %33, @head.weight : (tensor<1x48xf32>) -> tensor<1x288xf32>
// CHECK-NEXT: %35 = nn.argmax %34 : tensor<1x288xf32>
// CHECK-NEXT: return %35 : tensor<1xi32>
// CHECK-NEXT: }
// CHECK-NEXT: }

module {
  nn.weight @"model.model.embed_tokens.weight" : tensor<288x48xf32> from "model.model.embed_tokens.weight"
  nn.weight @"model.model.layers.0.input_layernorm.weight" : tensor<48xf32> from "model.model.layers.0.input_layernorm.weight"
  nn.weight @"val_100" : tensor<48x96xf32> from "val_100"
  nn.weight @"val_101" : tensor<48x32xf32> from "val_101"
  nn.weight @"val_102" : tensor<48x32xf32> from "val_102"
  nn.weight @"val_103" : tensor<96x48xf32> from "val_103"
  nn.weight @"model.model.layers.0.post_attention_layernorm.weight" : tensor<48xf32> from "model.model.layers.0.post_attention_layernorm.weight"
  nn.weight @"val_104" : tensor<48x48xf32> from "val_104"
  nn.weight @"val_105" : tensor<48x48xf32> from "val_105"
  nn.weight @"val_106" : tensor<48x48xf32> from "val_106"
  nn.weight @"model.model.layers.1.input_layernorm.weight" : tensor<48xf32> from "model.model.layers.1.input_layernorm.weight"
  nn.weight @"val_107" : tensor<48x96xf32> from "val_107"
  nn.weight @"val_108" : tensor<48x32xf32> from "val_108"
  nn.weight @"val_109" : tensor<48x32xf32> from "val_109"
  nn.weight @"val_110" : tensor<96x48xf32> from "val_110"
  nn.weight @"model.model.layers.1.post_attention_layernorm.weight" : tensor<48xf32> from "model.model.layers.1.post_attention_layernorm.weight"
  nn.weight @"val_111" : tensor<48x48xf32> from "val_111"
  nn.weight @"val_112" : tensor<48x48xf32> from "val_112"
  nn.weight @"val_113" : tensor<48x48xf32> from "val_113"
  nn.weight @"model.model.norm.weight" : tensor<48xf32> from "model.model.norm.weight"
  nn.weight @"val_114" : tensor<48x288xf32> from "val_114"
  nn.weight @frequencies : tensor<8xf32> = dense<[1.000000e+00, 0.244384602, 0.0130422562, 0.00395284686, 1.250000e-03, 3.95284704E-4, 1.250000e-04, 3.95284696E-5]> : tensor<8xf32>
  nn.cache @layers.0.cache heads 2 head_dim 16 : bf16
  nn.cache @layers.1.cache heads 2 head_dim 16 : bf16
  func.func @decode(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
      -> (tensor<1x1x288xf32> {nn.port = #nn.port<logits>}) {
    %v1 = nn.reshape %token : tensor<1xi32> -> tensor<1x1xi32>
    %v2 = nn.cast %v1 : tensor<1x1xi32> -> tensor<1x1xi64>
    %v3 = nn.constant dense<2.0> : tensor<f32>
    %v4 = nn.constant dense<9.99999974E-6> : tensor<f32>
    %v5 = nn.constant dense<0.5> : tensor<f32>
    %v6 = nn.constant dense<0.0> : tensor<f32>
    %v7 = nn.get_weight @"model.model.embed_tokens.weight" : tensor<288x48xf32>
    %v8 = nn.gather %v7, %v2 axis 0 : (tensor<288x48xf32>, tensor<1x1xi64>) -> tensor<1x1x48xf32>
    %v9 = nn.binary pow %v8, %v3 : (tensor<1x1x48xf32>, tensor<f32>) -> tensor<1x1x48xf32>
    %v10 = nn.reduce mean %v9 axes [-1] keep_dims : (tensor<1x1x48xf32>) -> tensor<1x1x1xf32>
    %v11 = nn.binary add %v10, %v4 : (tensor<1x1x1xf32>, tensor<f32>) -> tensor<1x1x1xf32>
    %v12 = nn.unary sqrt %v11 : (tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
    %v13 = nn.unary reciprocal %v12 : (tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
    %v14 = nn.binary mul %v8, %v13 : (tensor<1x1x48xf32>, tensor<1x1x1xf32>) -> tensor<1x1x48xf32>
    %v15 = nn.get_weight @"model.model.layers.0.input_layernorm.weight" : tensor<48xf32>
    %v16 = nn.binary mul %v15, %v14 : (tensor<48xf32>, tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v17 = nn.get_weight @"val_100" : tensor<48x96xf32>
    %v18 = nn.matmul %v16, %v17 : (tensor<1x1x48xf32>, tensor<48x96xf32>) -> tensor<1x1x96xf32>
    %v19 = nn.reshape %v18 : tensor<1x1x96xf32> -> tensor<1x1x6x16xf32>
    %v20 = nn.transpose %v19 [0, 2, 1, 3] : (tensor<1x1x6x16xf32>) -> tensor<1x6x1x16xf32>
    %v21 = nn.get_weight @"val_101" : tensor<48x32xf32>
    %v22 = nn.matmul %v16, %v21 : (tensor<1x1x48xf32>, tensor<48x32xf32>) -> tensor<1x1x32xf32>
    %v23 = nn.reshape %v22 : tensor<1x1x32xf32> -> tensor<1x1x2x16xf32>
    %v24 = nn.transpose %v23 [0, 2, 1, 3] : (tensor<1x1x2x16xf32>) -> tensor<1x2x1x16xf32>
    %v25 = nn.get_weight @"val_102" : tensor<48x32xf32>
    %v26 = nn.matmul %v16, %v25 : (tensor<1x1x48xf32>, tensor<48x32xf32>) -> tensor<1x1x32xf32>
    %v27 = nn.reshape %v26 : tensor<1x1x32xf32> -> tensor<1x1x2x16xf32>
    %v28 = nn.transpose %v27 [0, 2, 1, 3] : (tensor<1x1x2x16xf32>) -> tensor<1x2x1x16xf32>
    %v29 = nn.reshape %v20 : tensor<1x6x1x16xf32> -> tensor<1x96xf32>
    %v30 = nn.rope %v29, %position, @frequencies head_dim 16 : tensor<1x96xf32>
    %v31 = nn.reshape %v24 : tensor<1x2x1x16xf32> -> tensor<1x32xf32>
    %v32 = nn.rope %v31, %position, @frequencies head_dim 16 : tensor<1x32xf32>
    %v33 = nn.reshape %v28 : tensor<1x2x1x16xf32> -> tensor<1x32xf32>
    nn.kv_append %v32, %v33, %position, @layers.0.cache : tensor<1x32xf32>
    %v34 = nn.attention %v30, %position, @layers.0.cache heads 6 scale 0.25 : tensor<1x96xf32>
    %v35 = nn.reshape %v34 : tensor<1x96xf32> -> tensor<1x1x96xf32>
    %v36 = nn.get_weight @"val_103" : tensor<96x48xf32>
    %v37 = nn.matmul %v35, %v36 : (tensor<1x1x96xf32>, tensor<96x48xf32>) -> tensor<1x1x48xf32>
    %v38 = nn.binary add %v8, %v37 : (tensor<1x1x48xf32>, tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v39 = nn.binary pow %v38, %v3 : (tensor<1x1x48xf32>, tensor<f32>) -> tensor<1x1x48xf32>
    %v40 = nn.reduce mean %v39 axes [-1] keep_dims : (tensor<1x1x48xf32>) -> tensor<1x1x1xf32>
    %v41 = nn.binary add %v40, %v4 : (tensor<1x1x1xf32>, tensor<f32>) -> tensor<1x1x1xf32>
    %v42 = nn.unary sqrt %v41 : (tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
    %v43 = nn.unary reciprocal %v42 : (tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
    %v44 = nn.binary mul %v38, %v43 : (tensor<1x1x48xf32>, tensor<1x1x1xf32>) -> tensor<1x1x48xf32>
    %v45 = nn.get_weight @"model.model.layers.0.post_attention_layernorm.weight" : tensor<48xf32>
    %v46 = nn.binary mul %v45, %v44 : (tensor<48xf32>, tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v47 = nn.get_weight @"val_104" : tensor<48x48xf32>
    %v48 = nn.matmul %v46, %v47 : (tensor<1x1x48xf32>, tensor<48x48xf32>) -> tensor<1x1x48xf32>
    %v49 = nn.unary sigmoid %v48 : (tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v50 = nn.binary mul %v48, %v49 : (tensor<1x1x48xf32>, tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v51 = nn.get_weight @"val_105" : tensor<48x48xf32>
    %v52 = nn.matmul %v46, %v51 : (tensor<1x1x48xf32>, tensor<48x48xf32>) -> tensor<1x1x48xf32>
    %v53 = nn.binary mul %v50, %v52 : (tensor<1x1x48xf32>, tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v54 = nn.get_weight @"val_106" : tensor<48x48xf32>
    %v55 = nn.matmul %v53, %v54 : (tensor<1x1x48xf32>, tensor<48x48xf32>) -> tensor<1x1x48xf32>
    %v56 = nn.binary add %v38, %v55 : (tensor<1x1x48xf32>, tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v57 = nn.binary pow %v56, %v3 : (tensor<1x1x48xf32>, tensor<f32>) -> tensor<1x1x48xf32>
    %v58 = nn.reduce mean %v57 axes [-1] keep_dims : (tensor<1x1x48xf32>) -> tensor<1x1x1xf32>
    %v59 = nn.binary add %v58, %v4 : (tensor<1x1x1xf32>, tensor<f32>) -> tensor<1x1x1xf32>
    %v60 = nn.unary sqrt %v59 : (tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
    %v61 = nn.unary reciprocal %v60 : (tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
    %v62 = nn.binary mul %v56, %v61 : (tensor<1x1x48xf32>, tensor<1x1x1xf32>) -> tensor<1x1x48xf32>
    %v63 = nn.get_weight @"model.model.layers.1.input_layernorm.weight" : tensor<48xf32>
    %v64 = nn.binary mul %v63, %v62 : (tensor<48xf32>, tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v65 = nn.get_weight @"val_107" : tensor<48x96xf32>
    %v66 = nn.matmul %v64, %v65 : (tensor<1x1x48xf32>, tensor<48x96xf32>) -> tensor<1x1x96xf32>
    %v67 = nn.reshape %v66 : tensor<1x1x96xf32> -> tensor<1x1x6x16xf32>
    %v68 = nn.transpose %v67 [0, 2, 1, 3] : (tensor<1x1x6x16xf32>) -> tensor<1x6x1x16xf32>
    %v69 = nn.get_weight @"val_108" : tensor<48x32xf32>
    %v70 = nn.matmul %v64, %v69 : (tensor<1x1x48xf32>, tensor<48x32xf32>) -> tensor<1x1x32xf32>
    %v71 = nn.reshape %v70 : tensor<1x1x32xf32> -> tensor<1x1x2x16xf32>
    %v72 = nn.transpose %v71 [0, 2, 1, 3] : (tensor<1x1x2x16xf32>) -> tensor<1x2x1x16xf32>
    %v73 = nn.get_weight @"val_109" : tensor<48x32xf32>
    %v74 = nn.matmul %v64, %v73 : (tensor<1x1x48xf32>, tensor<48x32xf32>) -> tensor<1x1x32xf32>
    %v75 = nn.reshape %v74 : tensor<1x1x32xf32> -> tensor<1x1x2x16xf32>
    %v76 = nn.transpose %v75 [0, 2, 1, 3] : (tensor<1x1x2x16xf32>) -> tensor<1x2x1x16xf32>
    %v77 = nn.reshape %v68 : tensor<1x6x1x16xf32> -> tensor<1x96xf32>
    %v78 = nn.rope %v77, %position, @frequencies head_dim 16 : tensor<1x96xf32>
    %v79 = nn.reshape %v72 : tensor<1x2x1x16xf32> -> tensor<1x32xf32>
    %v80 = nn.rope %v79, %position, @frequencies head_dim 16 : tensor<1x32xf32>
    %v81 = nn.reshape %v76 : tensor<1x2x1x16xf32> -> tensor<1x32xf32>
    nn.kv_append %v80, %v81, %position, @layers.1.cache : tensor<1x32xf32>
    %v82 = nn.attention %v78, %position, @layers.1.cache heads 6 scale 0.25 : tensor<1x96xf32>
    %v83 = nn.reshape %v82 : tensor<1x96xf32> -> tensor<1x1x96xf32>
    %v84 = nn.get_weight @"val_110" : tensor<96x48xf32>
    %v85 = nn.matmul %v83, %v84 : (tensor<1x1x96xf32>, tensor<96x48xf32>) -> tensor<1x1x48xf32>
    %v86 = nn.binary add %v56, %v85 : (tensor<1x1x48xf32>, tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v87 = nn.binary pow %v86, %v3 : (tensor<1x1x48xf32>, tensor<f32>) -> tensor<1x1x48xf32>
    %v88 = nn.reduce mean %v87 axes [-1] keep_dims : (tensor<1x1x48xf32>) -> tensor<1x1x1xf32>
    %v89 = nn.binary add %v88, %v4 : (tensor<1x1x1xf32>, tensor<f32>) -> tensor<1x1x1xf32>
    %v90 = nn.unary sqrt %v89 : (tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
    %v91 = nn.unary reciprocal %v90 : (tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
    %v92 = nn.binary mul %v86, %v91 : (tensor<1x1x48xf32>, tensor<1x1x1xf32>) -> tensor<1x1x48xf32>
    %v93 = nn.get_weight @"model.model.layers.1.post_attention_layernorm.weight" : tensor<48xf32>
    %v94 = nn.binary mul %v93, %v92 : (tensor<48xf32>, tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v95 = nn.get_weight @"val_111" : tensor<48x48xf32>
    %v96 = nn.matmul %v94, %v95 : (tensor<1x1x48xf32>, tensor<48x48xf32>) -> tensor<1x1x48xf32>
    %v97 = nn.unary sigmoid %v96 : (tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v98 = nn.binary mul %v96, %v97 : (tensor<1x1x48xf32>, tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v99 = nn.get_weight @"val_112" : tensor<48x48xf32>
    %v100 = nn.matmul %v94, %v99 : (tensor<1x1x48xf32>, tensor<48x48xf32>) -> tensor<1x1x48xf32>
    %v101 = nn.binary mul %v98, %v100 : (tensor<1x1x48xf32>, tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v102 = nn.get_weight @"val_113" : tensor<48x48xf32>
    %v103 = nn.matmul %v101, %v102 : (tensor<1x1x48xf32>, tensor<48x48xf32>) -> tensor<1x1x48xf32>
    %v104 = nn.binary add %v86, %v103 : (tensor<1x1x48xf32>, tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v105 = nn.binary pow %v104, %v3 : (tensor<1x1x48xf32>, tensor<f32>) -> tensor<1x1x48xf32>
    %v106 = nn.reduce mean %v105 axes [-1] keep_dims : (tensor<1x1x48xf32>) -> tensor<1x1x1xf32>
    %v107 = nn.binary add %v106, %v4 : (tensor<1x1x1xf32>, tensor<f32>) -> tensor<1x1x1xf32>
    %v108 = nn.unary sqrt %v107 : (tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
    %v109 = nn.unary reciprocal %v108 : (tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
    %v110 = nn.binary mul %v104, %v109 : (tensor<1x1x48xf32>, tensor<1x1x1xf32>) -> tensor<1x1x48xf32>
    %v111 = nn.get_weight @"model.model.norm.weight" : tensor<48xf32>
    %v112 = nn.binary mul %v111, %v110 : (tensor<48xf32>, tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v113 = nn.get_weight @"val_114" : tensor<48x288xf32>
    %v114 = nn.matmul %v112, %v113 : (tensor<1x1x48xf32>, tensor<48x288xf32>) -> tensor<1x1x288xf32>
    return %v114 : tensor<1x1x288xf32>
  }
}
