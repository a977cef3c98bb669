// Stream capture and graphs. A graph is the list of captured operations in the order of the calls.
#include "test/emulation/driver.h"

using namespace cadenza::emulation;

namespace {

CUresult instantiate(CUgraphExec *result, CUgraph handle) {
  auto found = findHandle(driver().graphs, handle);
  if (found == driver().graphs.end())
    return CUDA_ERROR_INVALID_HANDLE;
  *result = addHandle(driver().graphExecs);
  (*result)->nodes = (*found)->nodes;
  return CUDA_SUCCESS;
}

} // namespace

CADENZA_CUDA_API CUresult cuStreamBeginCapture_v2(CUstream handle, CUstreamCaptureMode mode) {
  CADENZA_CALL(cuStreamBeginCapture, context)
  CUstream stream = driver().stream(handle);
  if (!stream || mode < CU_STREAM_CAPTURE_MODE_GLOBAL || mode > CU_STREAM_CAPTURE_MODE_RELAXED)
    return stream ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_HANDLE;
  if (stream == &driver().legacy)
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  if (stream->capture)
    return CUDA_ERROR_INVALID_VALUE;
  stream->capture = std::make_shared<Capture>();
  stream->capture->mode = mode;
  stream->capture->origin = stream;
  driver().captures.insert(stream->capture);
  return CUDA_SUCCESS;
}

CADENZA_CUDA_API CUresult cuStreamEndCapture(CUstream handle, CUgraph *graph) {
  CADENZA_CALL(cuStreamEndCapture, context)
  CUstream stream = driver().stream(handle);
  if (!stream)
    return CUDA_ERROR_INVALID_HANDLE;
  *graph = nullptr;
  if (!stream->capture)
    return CUDA_ERROR_INVALID_VALUE;
  const std::shared_ptr<Capture> capture = stream->capture;
  if (capture->origin != stream)
    return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
  driver().captures.erase(capture);
  for (const auto &other : driver().streams)
    if (other->capture == capture)
      other->capture = nullptr;
  driver().perThread.capture = driver().perThread.capture == capture ? nullptr : driver().perThread.capture;
  if (capture->invalid)
    return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  if (!capture->unjoined.empty())
    return CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
  *graph = addHandle(driver().graphs);
  (*graph)->nodes = std::make_shared<const WorkList>(std::move(capture->nodes));
  return CUDA_SUCCESS;
}

CADENZA_CUDA_API CUresult cuStreamIsCapturing(CUstream handle, CUstreamCaptureStatus *status) {
  CADENZA_CALL(cuStreamIsCapturing, context)
  CUstream stream = driver().stream(handle);
  if (!stream)
    return CUDA_ERROR_INVALID_HANDLE;
  *status = !stream->capture           ? CU_STREAM_CAPTURE_STATUS_NONE
            : stream->capture->invalid ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                                       : CU_STREAM_CAPTURE_STATUS_ACTIVE;
  return CUDA_SUCCESS;
}

CADENZA_CUDA_API CUresult cuGraphInstantiateWithFlags(CUgraphExec *result, CUgraph graph, unsigned long long) {
  CADENZA_CALL(cuGraphInstantiateWithFlags, context)
  return instantiate(result, graph);
}

CADENZA_CUDA_API CUresult cuGraphUpload(CUgraphExec handle, CUstream stream) {
  CADENZA_CALL(cuGraphUpload, context)
  const bool known = findHandle(driver().graphExecs, handle) != driver().graphExecs.end();
  return known && driver().stream(stream) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CADENZA_CUDA_API CUresult cuGraphLaunch(CUgraphExec handle, CUstream streamHandle) {
  CADENZA_CALL(cuGraphLaunch, context)
  auto found = findHandle(driver().graphExecs, handle);
  CUstream stream = driver().stream(streamHandle);
  if (found == driver().graphExecs.end() || !stream)
    return CUDA_ERROR_INVALID_HANDLE;
  return enqueue(stream, {GraphWork{(*found)->nodes}, nullptr});
}

CADENZA_CUDA_API CUresult cuGraphExecDestroy(CUgraphExec handle) {
  CADENZA_CALL(cuGraphExecDestroy, context)
  auto found = findHandle(driver().graphExecs, handle);
  if (found == driver().graphExecs.end())
    return CUDA_ERROR_INVALID_HANDLE;
  driver().graphExecs.erase(found); // queued launches keep the nodes
  return CUDA_SUCCESS;
}

CADENZA_CUDA_API CUresult cuGraphDestroy(CUgraph handle) {
  CADENZA_CALL(cuGraphDestroy, context)
  auto found = findHandle(driver().graphs, handle);
  if (found == driver().graphs.end())
    return CUDA_ERROR_INVALID_HANDLE;
  driver().graphs.erase(found);
  return CUDA_SUCCESS;
}

/// With `nodes` null, the number of nodes; there are no handles to the nodes themselves.
CADENZA_CUDA_API CUresult cuGraphGetNodes(CUgraph handle, CUgraphNode *nodes, size_t *count) {
  CADENZA_CALL(cuGraphGetNodes, context)
  auto found = findHandle(driver().graphs, handle);
  if (found == driver().graphs.end())
    return CUDA_ERROR_INVALID_HANDLE;
  if (nodes)
    return CUDA_ERROR_NOT_SUPPORTED;
  *count = (*found)->nodes->size();
  return CUDA_SUCCESS;
}
