// Streams and events.
#include "test/emulation/driver.h"

using namespace cadenza::emulation;

namespace {

CUresult createStream(CUstream *result, unsigned flags) {
  if (flags > CU_STREAM_NON_BLOCKING)
    return CUDA_ERROR_INVALID_VALUE;
  *result = addHandle(driver().streams);
  (*result)->nonBlocking = flags == CU_STREAM_NON_BLOCKING;
  return CUDA_SUCCESS;
}

CUevent findEvent(CUevent handle) {
  auto found = findHandle(driver().events, handle);
  return found == driver().events.end() ? nullptr : found->get();
}

/// Whether the event was last recorded in a capture that still goes on.
bool inCapture(const CUevent_st &event) { return event.capture && driver().captures.contains(event.capture); }

CUresult record(CUevent handle, CUstream streamHandle) {
  const CUevent event = findEvent(handle);
  CUstream stream = driver().stream(streamHandle);
  if (!event || !stream)
    return CUDA_ERROR_INVALID_HANDLE;
  event->capture = stream->capture;
  if (stream->capture) { // marks a place in the graph, does nothing in a replay
    event->capturedFrom = stream;
    return stream->capture->invalid ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : CUDA_SUCCESS;
  }
  event->state->recorded = ++driver().tickets;
  return enqueue(stream, {RecordWork{event->state, event->state->recorded}, nullptr});
}

/// A stream in a capture can be neither waited for nor asked; trying spoils the capture.
CUresult checkAwaitable(CUstream stream) {
  if (!stream)
    return CUDA_ERROR_INVALID_HANDLE;
  if (!stream->capture)
    return CUDA_SUCCESS;
  stream->capture->invalid = true;
  return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

CUresult elapsed(float *milliseconds, CUevent startHandle, CUevent endHandle) {
  const CUevent start = findEvent(startHandle), end = findEvent(endHandle);
  if (!start || !end || !start->state->timing || !end->state->timing || start->state->recorded == 0 ||
      end->state->recorded == 0)
    return CUDA_ERROR_INVALID_HANDLE;
  if (start->state->completed < start->state->recorded || end->state->completed < end->state->recorded)
    return CUDA_ERROR_NOT_READY;
  *milliseconds = std::chrono::duration<float, std::milli>(end->state->time - start->state->time).count();
  return CUDA_SUCCESS;
}

} // namespace

CADENZA_CUDA_API CUresult cuStreamCreate(CUstream *stream, unsigned flags) {
  CADENZA_CALL(cuStreamCreate, context)
  return createStream(stream, flags);
}

CADENZA_CUDA_API CUresult cuStreamCreateWithPriority(CUstream *stream, unsigned flags, int) {
  CADENZA_CALL(cuStreamCreateWithPriority, context)
  return createStream(stream, flags);
}

CADENZA_CUDA_API CUresult cuStreamDestroy_v2(CUstream handle) {
  CADENZA_CALL(cuStreamDestroy, context)
  auto found = findHandle(driver().streams, handle);
  if (found == driver().streams.end())
    return CUDA_ERROR_INVALID_HANDLE;
  const CUresult error = drain(handle); // its work is finished first
  if (handle->capture) {
    handle->capture->invalid = true;
    driver().captures.erase(handle->capture);
  }
  driver().streams.erase(found);
  return error;
}

CADENZA_CUDA_API CUresult cuStreamSynchronize(CUstream handle) {
  CADENZA_CALL(cuStreamSynchronize, context)
  CUstream stream = driver().stream(handle);
  if (const CUresult error = checkAwaitable(stream); error != CUDA_SUCCESS)
    return error;
  return drain(stream);
}

CADENZA_CUDA_API CUresult cuStreamQuery(CUstream handle) {
  CADENZA_CALL(cuStreamQuery, context)
  CUstream stream = driver().stream(handle);
  if (const CUresult error = checkAwaitable(stream); error != CUDA_SUCCESS)
    return error;
  nudge();
  if (driver().sticky != CUDA_SUCCESS)
    return driver().sticky;
  return stream->queue.empty() ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

CADENZA_CUDA_API CUresult cuStreamWaitEvent(CUstream streamHandle, CUevent eventHandle, unsigned) {
  CADENZA_CALL(cuStreamWaitEvent, context)
  const CUevent event = findEvent(eventHandle);
  CUstream stream = driver().stream(streamHandle);
  if (!event || !stream)
    return CUDA_ERROR_INVALID_HANDLE;
  if (inCapture(*event)) { // joins the capture, or joins a forked stream back into it
    if (stream->capture && stream->capture != event->capture)
      return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
    stream->capture = event->capture;
    event->capture->unjoined.erase(event->capturedFrom);
    if (stream != event->capture->origin)
      event->capture->unjoined.insert(stream);
    return CUDA_SUCCESS;
  }
  if (event->state->recorded == 0)
    return CUDA_SUCCESS;
  return enqueue(stream, {WaitWork{event->state, event->state->recorded}, nullptr});
}

// Events -------------------------------------------------------------------------------------------------------------

CADENZA_CUDA_API CUresult cuEventCreate(CUevent *event, unsigned flags) {
  CADENZA_CALL(cuEventCreate, context)
  if (flags > 7)
    return CUDA_ERROR_INVALID_VALUE;
  *event = addHandle(driver().events);
  (*event)->state = std::make_shared<EventState>();
  (*event)->state->timing = !(flags & CU_EVENT_DISABLE_TIMING);
  return CUDA_SUCCESS;
}

CADENZA_CUDA_API CUresult cuEventDestroy_v2(CUevent handle) {
  CADENZA_CALL(cuEventDestroy, context)
  auto found = findHandle(driver().events, handle);
  if (found == driver().events.end())
    return CUDA_ERROR_INVALID_HANDLE;
  driver().events.erase(found);
  return CUDA_SUCCESS;
}

CADENZA_CUDA_API CUresult cuEventRecord(CUevent event, CUstream stream) {
  CADENZA_CALL(cuEventRecord, context)
  return record(event, stream);
}

CADENZA_CUDA_API CUresult cuEventRecordWithFlags(CUevent event, CUstream stream, unsigned flags) {
  CADENZA_CALL(cuEventRecordWithFlags, context)
  return flags == 0 ? record(event, stream) : CUDA_ERROR_NOT_SUPPORTED;
}

CADENZA_CUDA_API CUresult cuEventQuery(CUevent handle) {
  CADENZA_CALL(cuEventQuery, context)
  const CUevent event = findEvent(handle);
  if (!event)
    return CUDA_ERROR_INVALID_HANDLE;
  if (inCapture(*event))
    return CUDA_ERROR_CAPTURED_EVENT;
  nudge();
  if (driver().sticky != CUDA_SUCCESS)
    return driver().sticky;
  return event->state->completed >= event->state->recorded ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

CADENZA_CUDA_API CUresult cuEventSynchronize(CUevent handle) {
  CADENZA_CALL(cuEventSynchronize, context)
  const CUevent event = findEvent(handle);
  if (!event)
    return CUDA_ERROR_INVALID_HANDLE;
  if (inCapture(*event))
    return CUDA_ERROR_CAPTURED_EVENT;
  return drainUntil(*event->state, event->state->recorded);
}

CADENZA_CUDA_API CUresult cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end) {
  CADENZA_CALL(cuEventElapsedTime, context)
  return elapsed(milliseconds, start, end);
}
CADENZA_CUDA_API CUresult cuEventElapsedTime_v2(float *milliseconds, CUevent start, CUevent end) {
  CADENZA_CALL(cuEventElapsedTime, context)
  return elapsed(milliseconds, start, end);
}
