// The classes that protoc makes of onnx-ml.proto (namespace ::onnx), without their warnings. Only .cpp files include
// this: the graph that the reader makes has types of its own.
#pragma once

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "compiler/import/onnx/onnx-ml.pb.h"
#pragma GCC diagnostic pop
