// The mark of functions that host and device share.
#pragma once

#if defined(__CUDACC__)
#define CADENZA_EVERYWHERE __device__ __forceinline__
#else
#define CADENZA_EVERYWHERE inline
#endif
