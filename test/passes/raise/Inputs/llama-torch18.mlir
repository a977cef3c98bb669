// The step of a two-layer Llama as torch.onnx writes it at opset 18 (docs/onnx-exporters-draft.md), in ops on tensors:
// what the raising passes begin with.
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
  nn.cache @layers.0.cache heads 2 head_dim 16 : bf16
  nn.cache @layers.1.cache heads 2 head_dim 16 : bf16
  func.func @decode(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
      -> (tensor<1x1x288xf32> {nn.port = #nn.port<logits>}) {
    %v1 = nn.past_length %position
    %v2 = nn.constant dense<1> : tensor<i64>
    %v3 = nn.constant dense<0> : tensor<i64>
    %v4 = nn.constant dense<true> : tensor<i1>
    %v5 = nn.binary add %v1, %v2 : (tensor<i64>, tensor<i64>) -> tensor<i64>
    %v6 = nn.reshape %token : tensor<1xi32> -> tensor<1x1xi32>
    %v7 = nn.cast %v6 : tensor<1x1xi32> -> tensor<1x1xi64>
    %v8 = nn.expand %v2 extents %v5 : (tensor<i64>, tensor<i64>) -> tensor<1x?xi64>
    %v9 = nn.cast %v8 : tensor<1x?xi64> -> tensor<1x?xi1>
    %v10 = nn.range %v3, %v5, %v2 : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
    %v11 = nn.reshape %v10 : tensor<?xi64> -> tensor<1x1x1x?xi64>
    %v12 = nn.reshape %v1 : tensor<i64> -> tensor<1x1x1x1xi64>
    %v13 = nn.binary less_or_equal %v11, %v12 : (tensor<1x1x1x?xi64>, tensor<1x1x1x1xi64>) -> tensor<1x1x1x?xi1>
    %v14 = nn.binary and %v4, %v13 : (tensor<i1>, tensor<1x1x1x?xi1>) -> tensor<1x1x1x?xi1>
    %v15 = nn.constant dense<0> : tensor<1x1x1x1xi64>
    %v16 = nn.expand %v15 extents %v5 : (tensor<1x1x1x1xi64>, tensor<i64>) -> tensor<1x1x1x?xi64>
    %v17 = nn.reshape %v16 : tensor<1x1x1x?xi64> -> tensor<1x1x1x?x1xi64>
    %v18 = nn.reshape %v11 : tensor<1x1x1x?xi64> -> tensor<1x1x1x?x1xi64>
    %v19 = nn.concat %v17, %v18 axis -1 : (tensor<1x1x1x?x1xi64>, tensor<1x1x1x?x1xi64>) -> tensor<1x1x1x?x2xi64>
    %v20 = nn.gather_nd %v9, %v19 batch_dims 0 : (tensor<1x?xi1>, tensor<1x1x1x?x2xi64>) -> tensor<1x1x1x?xi1>
    %v21 = nn.binary and %v14, %v20 : (tensor<1x1x1x?xi1>, tensor<1x1x1x?xi1>) -> tensor<1x1x1x?xi1>
    %v22 = nn.constant dense<0.0> : tensor<f32>
    %v23 = nn.constant dense<-3.40282347E+38> : tensor<f32>
    %v24 = nn.where %v21, %v22, %v23 : (tensor<1x1x1x?xi1>, tensor<f32>, tensor<f32>) -> tensor<1x1x1x?xf32>
    %v25 = nn.constant dense<[[[1.0], [0.244384602], [0.0130422562], [0.00395284686], [1.250000e-03], [3.95284704E-4], [1.250000e-04], [3.95284696E-5]]]> : tensor<1x8x1xf32>
    %v26 = nn.reshape %v1 : tensor<i64> -> tensor<1x1x1xi64>
    %v27 = nn.cast %v26 : tensor<1x1x1xi64> -> tensor<1x1x1xf32>
    %v28 = nn.matmul %v25, %v27 : (tensor<1x8x1xf32>, tensor<1x1x1xf32>) -> tensor<1x8x1xf32>
    %v29 = nn.transpose %v28 [0, 2, 1] : (tensor<1x8x1xf32>) -> tensor<1x1x8xf32>
    %v30 = nn.concat %v29, %v29 axis -1 : (tensor<1x1x8xf32>, tensor<1x1x8xf32>) -> tensor<1x1x16xf32>
    %v31 = nn.unary cos %v30 : (tensor<1x1x16xf32>) -> tensor<1x1x16xf32>
    %v32 = nn.reshape %v31 : tensor<1x1x16xf32> -> tensor<1x1x1x16xf32>
    %v33 = nn.unary sin %v30 : (tensor<1x1x16xf32>) -> tensor<1x1x16xf32>
    %v34 = nn.reshape %v33 : tensor<1x1x16xf32> -> tensor<1x1x1x16xf32>
    %v35 = nn.constant dense<2.0> : tensor<f32>
    %v36 = nn.constant dense<9.99999974E-6> : tensor<f32>
    %v37 = nn.constant dense<0.5> : tensor<f32>
    %v38 = nn.constant dense<0.0> : tensor<f32>
    %v39 = nn.get_weight @"model.model.embed_tokens.weight" : tensor<288x48xf32>
    %v40 = nn.gather %v39, %v7 axis 0 : (tensor<288x48xf32>, tensor<1x1xi64>) -> tensor<1x1x48xf32>
    %v41 = nn.binary pow %v40, %v35 : (tensor<1x1x48xf32>, tensor<f32>) -> tensor<1x1x48xf32>
    %v42 = nn.reduce mean %v41 axes [-1] keep_dims : (tensor<1x1x48xf32>) -> tensor<1x1x1xf32>
    %v43 = nn.binary add %v42, %v36 : (tensor<1x1x1xf32>, tensor<f32>) -> tensor<1x1x1xf32>
    %v44 = nn.unary sqrt %v43 : (tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
    %v45 = nn.unary reciprocal %v44 : (tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
    %v46 = nn.binary mul %v40, %v45 : (tensor<1x1x48xf32>, tensor<1x1x1xf32>) -> tensor<1x1x48xf32>
    %v47 = nn.get_weight @"model.model.layers.0.input_layernorm.weight" : tensor<48xf32>
    %v48 = nn.binary mul %v47, %v46 : (tensor<48xf32>, tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v49 = nn.get_weight @"val_100" : tensor<48x96xf32>
    %v50 = nn.matmul %v48, %v49 : (tensor<1x1x48xf32>, tensor<48x96xf32>) -> tensor<1x1x96xf32>
    %v51 = nn.reshape %v50 : tensor<1x1x96xf32> -> tensor<1x1x6x16xf32>
    %v52 = nn.transpose %v51 [0, 2, 1, 3] : (tensor<1x1x6x16xf32>) -> tensor<1x6x1x16xf32>
    %v53 = nn.get_weight @"val_101" : tensor<48x32xf32>
    %v54 = nn.matmul %v48, %v53 : (tensor<1x1x48xf32>, tensor<48x32xf32>) -> tensor<1x1x32xf32>
    %v55 = nn.reshape %v54 : tensor<1x1x32xf32> -> tensor<1x1x2x16xf32>
    %v56 = nn.transpose %v55 [0, 2, 1, 3] : (tensor<1x1x2x16xf32>) -> tensor<1x2x1x16xf32>
    %v57 = nn.get_weight @"val_102" : tensor<48x32xf32>
    %v58 = nn.matmul %v48, %v57 : (tensor<1x1x48xf32>, tensor<48x32xf32>) -> tensor<1x1x32xf32>
    %v59 = nn.reshape %v58 : tensor<1x1x32xf32> -> tensor<1x1x2x16xf32>
    %v60 = nn.transpose %v59 [0, 2, 1, 3] : (tensor<1x1x2x16xf32>) -> tensor<1x2x1x16xf32>
    %v61 = nn.binary mul %v52, %v32 : (tensor<1x6x1x16xf32>, tensor<1x1x1x16xf32>) -> tensor<1x6x1x16xf32>
    %v62 = nn.slice %v52 starts [0, 0, 0, 8] sizes [1, 6, 1, 8] : (tensor<1x6x1x16xf32>) -> tensor<1x6x1x8xf32>
    %v63 = nn.slice %v52 starts [0, 0, 0, 0] sizes [1, 6, 1, 8] : (tensor<1x6x1x16xf32>) -> tensor<1x6x1x8xf32>
    %v64 = nn.unary neg %v62 : (tensor<1x6x1x8xf32>) -> tensor<1x6x1x8xf32>
    %v65 = nn.concat %v64, %v63 axis -1 : (tensor<1x6x1x8xf32>, tensor<1x6x1x8xf32>) -> tensor<1x6x1x16xf32>
    %v66 = nn.binary mul %v65, %v34 : (tensor<1x6x1x16xf32>, tensor<1x1x1x16xf32>) -> tensor<1x6x1x16xf32>
    %v67 = nn.binary add %v61, %v66 : (tensor<1x6x1x16xf32>, tensor<1x6x1x16xf32>) -> tensor<1x6x1x16xf32>
    %v68 = nn.binary mul %v56, %v32 : (tensor<1x2x1x16xf32>, tensor<1x1x1x16xf32>) -> tensor<1x2x1x16xf32>
    %v69 = nn.slice %v56 starts [0, 0, 0, 8] sizes [1, 2, 1, 8] : (tensor<1x2x1x16xf32>) -> tensor<1x2x1x8xf32>
    %v70 = nn.slice %v56 starts [0, 0, 0, 0] sizes [1, 2, 1, 8] : (tensor<1x2x1x16xf32>) -> tensor<1x2x1x8xf32>
    %v71 = nn.unary neg %v69 : (tensor<1x2x1x8xf32>) -> tensor<1x2x1x8xf32>
    %v72 = nn.concat %v71, %v70 axis -1 : (tensor<1x2x1x8xf32>, tensor<1x2x1x8xf32>) -> tensor<1x2x1x16xf32>
    %v73 = nn.binary mul %v72, %v34 : (tensor<1x2x1x16xf32>, tensor<1x1x1x16xf32>) -> tensor<1x2x1x16xf32>
    %v74 = nn.binary add %v68, %v73 : (tensor<1x2x1x16xf32>, tensor<1x2x1x16xf32>) -> tensor<1x2x1x16xf32>
    %v75 = nn.read_cache @layers.0.cache key at %position : tensor<1x2x?x16xf32>
    %v76 = nn.concat %v75, %v74 axis 2 : (tensor<1x2x?x16xf32>, tensor<1x2x1x16xf32>) -> tensor<1x2x?x16xf32>
    %v77 = nn.reshape %v76 : tensor<1x2x?x16xf32> -> tensor<1x2x1x?x16xf32>
    %v78 = nn.expand %v77 : (tensor<1x2x1x?x16xf32>) -> tensor<1x2x3x?x16xf32>
    %v79 = nn.reshape %v78 : tensor<1x2x3x?x16xf32> -> tensor<1x6x?x16xf32>
    %v80 = nn.read_cache @layers.0.cache value at %position : tensor<1x2x?x16xf32>
    %v81 = nn.concat %v80, %v60 axis 2 : (tensor<1x2x?x16xf32>, tensor<1x2x1x16xf32>) -> tensor<1x2x?x16xf32>
    %v82 = nn.reshape %v81 : tensor<1x2x?x16xf32> -> tensor<1x2x1x?x16xf32>
    %v83 = nn.expand %v82 : (tensor<1x2x1x?x16xf32>) -> tensor<1x2x3x?x16xf32>
    %v84 = nn.reshape %v83 : tensor<1x2x3x?x16xf32> -> tensor<1x6x?x16xf32>
    %v85 = nn.reshape %v79 : tensor<1x6x?x16xf32> -> tensor<6x?x16xf32>
    %v86 = nn.transpose %v85 [0, 2, 1] : (tensor<6x?x16xf32>) -> tensor<6x16x?xf32>
    %v87 = nn.reshape %v86 : tensor<6x16x?xf32> -> tensor<1x6x16x?xf32>
    %v88 = nn.binary mul %v67, %v37 : (tensor<1x6x1x16xf32>, tensor<f32>) -> tensor<1x6x1x16xf32>
    %v89 = nn.binary mul %v87, %v37 : (tensor<1x6x16x?xf32>, tensor<f32>) -> tensor<1x6x16x?xf32>
    %v90 = nn.matmul %v88, %v89 : (tensor<1x6x1x16xf32>, tensor<1x6x16x?xf32>) -> tensor<1x6x1x?xf32>
    %v91 = nn.binary add %v90, %v24 : (tensor<1x6x1x?xf32>, tensor<1x1x1x?xf32>) -> tensor<1x6x1x?xf32>
    %v92 = nn.softmax %v91 axis -1 : (tensor<1x6x1x?xf32>) -> tensor<1x6x1x?xf32>
    %v93 = nn.unary is_nan %v92 : (tensor<1x6x1x?xf32>) -> tensor<1x6x1x?xi1>
    %v94 = nn.where %v93, %v38, %v92 : (tensor<1x6x1x?xi1>, tensor<f32>, tensor<1x6x1x?xf32>) -> tensor<1x6x1x?xf32>
    %v95 = nn.matmul %v94, %v84 : (tensor<1x6x1x?xf32>, tensor<1x6x?x16xf32>) -> tensor<1x6x1x16xf32>
    %v96 = nn.transpose %v95 [0, 2, 1, 3] : (tensor<1x6x1x16xf32>) -> tensor<1x1x6x16xf32>
    %v97 = nn.reshape %v96 : tensor<1x1x6x16xf32> -> tensor<1x1x96xf32>
    %v98 = nn.get_weight @"val_103" : tensor<96x48xf32>
    %v99 = nn.matmul %v97, %v98 : (tensor<1x1x96xf32>, tensor<96x48xf32>) -> tensor<1x1x48xf32>
    %v100 = nn.binary add %v40, %v99 : (tensor<1x1x48xf32>, tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v101 = nn.binary pow %v100, %v35 : (tensor<1x1x48xf32>, tensor<f32>) -> tensor<1x1x48xf32>
    %v102 = nn.reduce mean %v101 axes [-1] keep_dims : (tensor<1x1x48xf32>) -> tensor<1x1x1xf32>
    %v103 = nn.binary add %v102, %v36 : (tensor<1x1x1xf32>, tensor<f32>) -> tensor<1x1x1xf32>
    %v104 = nn.unary sqrt %v103 : (tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
    %v105 = nn.unary reciprocal %v104 : (tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
    %v106 = nn.binary mul %v100, %v105 : (tensor<1x1x48xf32>, tensor<1x1x1xf32>) -> tensor<1x1x48xf32>
    %v107 = nn.get_weight @"model.model.layers.0.post_attention_layernorm.weight" : tensor<48xf32>
    %v108 = nn.binary mul %v107, %v106 : (tensor<48xf32>, tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v109 = nn.get_weight @"val_104" : tensor<48x48xf32>
    %v110 = nn.matmul %v108, %v109 : (tensor<1x1x48xf32>, tensor<48x48xf32>) -> tensor<1x1x48xf32>
    %v111 = nn.unary sigmoid %v110 : (tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v112 = nn.binary mul %v110, %v111 : (tensor<1x1x48xf32>, tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v113 = nn.get_weight @"val_105" : tensor<48x48xf32>
    %v114 = nn.matmul %v108, %v113 : (tensor<1x1x48xf32>, tensor<48x48xf32>) -> tensor<1x1x48xf32>
    %v115 = nn.binary mul %v112, %v114 : (tensor<1x1x48xf32>, tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v116 = nn.get_weight @"val_106" : tensor<48x48xf32>
    %v117 = nn.matmul %v115, %v116 : (tensor<1x1x48xf32>, tensor<48x48xf32>) -> tensor<1x1x48xf32>
    %v118 = nn.binary add %v100, %v117 : (tensor<1x1x48xf32>, tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v119 = nn.binary pow %v118, %v35 : (tensor<1x1x48xf32>, tensor<f32>) -> tensor<1x1x48xf32>
    %v120 = nn.reduce mean %v119 axes [-1] keep_dims : (tensor<1x1x48xf32>) -> tensor<1x1x1xf32>
    %v121 = nn.binary add %v120, %v36 : (tensor<1x1x1xf32>, tensor<f32>) -> tensor<1x1x1xf32>
    %v122 = nn.unary sqrt %v121 : (tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
    %v123 = nn.unary reciprocal %v122 : (tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
    %v124 = nn.binary mul %v118, %v123 : (tensor<1x1x48xf32>, tensor<1x1x1xf32>) -> tensor<1x1x48xf32>
    %v125 = nn.get_weight @"model.model.layers.1.input_layernorm.weight" : tensor<48xf32>
    %v126 = nn.binary mul %v125, %v124 : (tensor<48xf32>, tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v127 = nn.get_weight @"val_107" : tensor<48x96xf32>
    %v128 = nn.matmul %v126, %v127 : (tensor<1x1x48xf32>, tensor<48x96xf32>) -> tensor<1x1x96xf32>
    %v129 = nn.reshape %v128 : tensor<1x1x96xf32> -> tensor<1x1x6x16xf32>
    %v130 = nn.transpose %v129 [0, 2, 1, 3] : (tensor<1x1x6x16xf32>) -> tensor<1x6x1x16xf32>
    %v131 = nn.get_weight @"val_108" : tensor<48x32xf32>
    %v132 = nn.matmul %v126, %v131 : (tensor<1x1x48xf32>, tensor<48x32xf32>) -> tensor<1x1x32xf32>
    %v133 = nn.reshape %v132 : tensor<1x1x32xf32> -> tensor<1x1x2x16xf32>
    %v134 = nn.transpose %v133 [0, 2, 1, 3] : (tensor<1x1x2x16xf32>) -> tensor<1x2x1x16xf32>
    %v135 = nn.get_weight @"val_109" : tensor<48x32xf32>
    %v136 = nn.matmul %v126, %v135 : (tensor<1x1x48xf32>, tensor<48x32xf32>) -> tensor<1x1x32xf32>
    %v137 = nn.reshape %v136 : tensor<1x1x32xf32> -> tensor<1x1x2x16xf32>
    %v138 = nn.transpose %v137 [0, 2, 1, 3] : (tensor<1x1x2x16xf32>) -> tensor<1x2x1x16xf32>
    %v139 = nn.binary mul %v130, %v32 : (tensor<1x6x1x16xf32>, tensor<1x1x1x16xf32>) -> tensor<1x6x1x16xf32>
    %v140 = nn.slice %v130 starts [0, 0, 0, 8] sizes [1, 6, 1, 8] : (tensor<1x6x1x16xf32>) -> tensor<1x6x1x8xf32>
    %v141 = nn.slice %v130 starts [0, 0, 0, 0] sizes [1, 6, 1, 8] : (tensor<1x6x1x16xf32>) -> tensor<1x6x1x8xf32>
    %v142 = nn.unary neg %v140 : (tensor<1x6x1x8xf32>) -> tensor<1x6x1x8xf32>
    %v143 = nn.concat %v142, %v141 axis -1 : (tensor<1x6x1x8xf32>, tensor<1x6x1x8xf32>) -> tensor<1x6x1x16xf32>
    %v144 = nn.binary mul %v143, %v34 : (tensor<1x6x1x16xf32>, tensor<1x1x1x16xf32>) -> tensor<1x6x1x16xf32>
    %v145 = nn.binary add %v139, %v144 : (tensor<1x6x1x16xf32>, tensor<1x6x1x16xf32>) -> tensor<1x6x1x16xf32>
    %v146 = nn.binary mul %v134, %v32 : (tensor<1x2x1x16xf32>, tensor<1x1x1x16xf32>) -> tensor<1x2x1x16xf32>
    %v147 = nn.slice %v134 starts [0, 0, 0, 8] sizes [1, 2, 1, 8] : (tensor<1x2x1x16xf32>) -> tensor<1x2x1x8xf32>
    %v148 = nn.slice %v134 starts [0, 0, 0, 0] sizes [1, 2, 1, 8] : (tensor<1x2x1x16xf32>) -> tensor<1x2x1x8xf32>
    %v149 = nn.unary neg %v147 : (tensor<1x2x1x8xf32>) -> tensor<1x2x1x8xf32>
    %v150 = nn.concat %v149, %v148 axis -1 : (tensor<1x2x1x8xf32>, tensor<1x2x1x8xf32>) -> tensor<1x2x1x16xf32>
    %v151 = nn.binary mul %v150, %v34 : (tensor<1x2x1x16xf32>, tensor<1x1x1x16xf32>) -> tensor<1x2x1x16xf32>
    %v152 = nn.binary add %v146, %v151 : (tensor<1x2x1x16xf32>, tensor<1x2x1x16xf32>) -> tensor<1x2x1x16xf32>
    %v153 = nn.read_cache @layers.1.cache key at %position : tensor<1x2x?x16xf32>
    %v154 = nn.concat %v153, %v152 axis 2 : (tensor<1x2x?x16xf32>, tensor<1x2x1x16xf32>) -> tensor<1x2x?x16xf32>
    %v155 = nn.reshape %v154 : tensor<1x2x?x16xf32> -> tensor<1x2x1x?x16xf32>
    %v156 = nn.expand %v155 : (tensor<1x2x1x?x16xf32>) -> tensor<1x2x3x?x16xf32>
    %v157 = nn.reshape %v156 : tensor<1x2x3x?x16xf32> -> tensor<1x6x?x16xf32>
    %v158 = nn.read_cache @layers.1.cache value at %position : tensor<1x2x?x16xf32>
    %v159 = nn.concat %v158, %v138 axis 2 : (tensor<1x2x?x16xf32>, tensor<1x2x1x16xf32>) -> tensor<1x2x?x16xf32>
    %v160 = nn.reshape %v159 : tensor<1x2x?x16xf32> -> tensor<1x2x1x?x16xf32>
    %v161 = nn.expand %v160 : (tensor<1x2x1x?x16xf32>) -> tensor<1x2x3x?x16xf32>
    %v162 = nn.reshape %v161 : tensor<1x2x3x?x16xf32> -> tensor<1x6x?x16xf32>
    %v163 = nn.reshape %v157 : tensor<1x6x?x16xf32> -> tensor<6x?x16xf32>
    %v164 = nn.transpose %v163 [0, 2, 1] : (tensor<6x?x16xf32>) -> tensor<6x16x?xf32>
    %v165 = nn.reshape %v164 : tensor<6x16x?xf32> -> tensor<1x6x16x?xf32>
    %v166 = nn.binary mul %v145, %v37 : (tensor<1x6x1x16xf32>, tensor<f32>) -> tensor<1x6x1x16xf32>
    %v167 = nn.binary mul %v165, %v37 : (tensor<1x6x16x?xf32>, tensor<f32>) -> tensor<1x6x16x?xf32>
    %v168 = nn.matmul %v166, %v167 : (tensor<1x6x1x16xf32>, tensor<1x6x16x?xf32>) -> tensor<1x6x1x?xf32>
    %v169 = nn.binary add %v168, %v24 : (tensor<1x6x1x?xf32>, tensor<1x1x1x?xf32>) -> tensor<1x6x1x?xf32>
    %v170 = nn.softmax %v169 axis -1 : (tensor<1x6x1x?xf32>) -> tensor<1x6x1x?xf32>
    %v171 = nn.unary is_nan %v170 : (tensor<1x6x1x?xf32>) -> tensor<1x6x1x?xi1>
    %v172 = nn.where %v171, %v38, %v170 : (tensor<1x6x1x?xi1>, tensor<f32>, tensor<1x6x1x?xf32>) -> tensor<1x6x1x?xf32>
    %v173 = nn.matmul %v172, %v162 : (tensor<1x6x1x?xf32>, tensor<1x6x?x16xf32>) -> tensor<1x6x1x16xf32>
    %v174 = nn.transpose %v173 [0, 2, 1, 3] : (tensor<1x6x1x16xf32>) -> tensor<1x1x6x16xf32>
    %v175 = nn.reshape %v174 : tensor<1x1x6x16xf32> -> tensor<1x1x96xf32>
    %v176 = nn.get_weight @"val_110" : tensor<96x48xf32>
    %v177 = nn.matmul %v175, %v176 : (tensor<1x1x96xf32>, tensor<96x48xf32>) -> tensor<1x1x48xf32>
    %v178 = nn.binary add %v118, %v177 : (tensor<1x1x48xf32>, tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v179 = nn.binary pow %v178, %v35 : (tensor<1x1x48xf32>, tensor<f32>) -> tensor<1x1x48xf32>
    %v180 = nn.reduce mean %v179 axes [-1] keep_dims : (tensor<1x1x48xf32>) -> tensor<1x1x1xf32>
    %v181 = nn.binary add %v180, %v36 : (tensor<1x1x1xf32>, tensor<f32>) -> tensor<1x1x1xf32>
    %v182 = nn.unary sqrt %v181 : (tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
    %v183 = nn.unary reciprocal %v182 : (tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
    %v184 = nn.binary mul %v178, %v183 : (tensor<1x1x48xf32>, tensor<1x1x1xf32>) -> tensor<1x1x48xf32>
    %v185 = nn.get_weight @"model.model.layers.1.post_attention_layernorm.weight" : tensor<48xf32>
    %v186 = nn.binary mul %v185, %v184 : (tensor<48xf32>, tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v187 = nn.get_weight @"val_111" : tensor<48x48xf32>
    %v188 = nn.matmul %v186, %v187 : (tensor<1x1x48xf32>, tensor<48x48xf32>) -> tensor<1x1x48xf32>
    %v189 = nn.unary sigmoid %v188 : (tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v190 = nn.binary mul %v188, %v189 : (tensor<1x1x48xf32>, tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v191 = nn.get_weight @"val_112" : tensor<48x48xf32>
    %v192 = nn.matmul %v186, %v191 : (tensor<1x1x48xf32>, tensor<48x48xf32>) -> tensor<1x1x48xf32>
    %v193 = nn.binary mul %v190, %v192 : (tensor<1x1x48xf32>, tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v194 = nn.get_weight @"val_113" : tensor<48x48xf32>
    %v195 = nn.matmul %v193, %v194 : (tensor<1x1x48xf32>, tensor<48x48xf32>) -> tensor<1x1x48xf32>
    %v196 = nn.binary add %v178, %v195 : (tensor<1x1x48xf32>, tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v197 = nn.binary pow %v196, %v35 : (tensor<1x1x48xf32>, tensor<f32>) -> tensor<1x1x48xf32>
    %v198 = nn.reduce mean %v197 axes [-1] keep_dims : (tensor<1x1x48xf32>) -> tensor<1x1x1xf32>
    %v199 = nn.binary add %v198, %v36 : (tensor<1x1x1xf32>, tensor<f32>) -> tensor<1x1x1xf32>
    %v200 = nn.unary sqrt %v199 : (tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
    %v201 = nn.unary reciprocal %v200 : (tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
    %v202 = nn.binary mul %v196, %v201 : (tensor<1x1x48xf32>, tensor<1x1x1xf32>) -> tensor<1x1x48xf32>
    %v203 = nn.get_weight @"model.model.norm.weight" : tensor<48xf32>
    %v204 = nn.binary mul %v203, %v202 : (tensor<48xf32>, tensor<1x1x48xf32>) -> tensor<1x1x48xf32>
    %v205 = nn.get_weight @"val_114" : tensor<48x288xf32>
    %v206 = nn.matmul %v204, %v205 : (tensor<1x1x48xf32>, tensor<48x288xf32>) -> tensor<1x1x288xf32>
    return %v206 : tensor<1x1x288xf32>
  }
}
