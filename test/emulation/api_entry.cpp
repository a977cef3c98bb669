// cuGetProcAddress: names without a version suffix become the newest version that both sides know.
#include "test/emulation/driver.h"

#include <dlfcn.h>

using namespace cadenza::emulation;

namespace {

/// This library, under whatever name it was loaded.
void *self() {
  static void *handle = [] {
    Dl_info info{};
    dladdr(reinterpret_cast<void *>(&self), &info);
    return dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD);
  }();
  return handle;
}

void *find(const std::string &name) { return self() ? dlsym(self(), name.c_str()) : nullptr; }

void *resolve(const std::string &name, int version) {
  if (name == "cuGraphInstantiate") // its forms under this name, of five parameters, nobody uses here
    return nullptr;
  if (name == "cuEventElapsedTime" && version < 12080)
    return find(name);
  if (void *second = find(name + "_v2"))
    return second;
  return find(name);
}

} // namespace

CADENZA_CUDA_API CUresult cuGetProcAddress_v2(const char *symbol, void **function, int version, uint64_t,
                                              CUdriverProcAddressQueryResult *status) {
  CADENZA_CALL(cuGetProcAddress, nothing)
  if (!symbol || !function)
    return CUDA_ERROR_INVALID_VALUE;
  const std::string name = symbol;
  const bool ours = name.starts_with("cu") && !name.starts_with("cuda");
  *function = ours ? resolve(name, version) : nullptr;
  if (status)
    *status = *function ? CU_GET_PROC_ADDRESS_SUCCESS : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
  return CUDA_SUCCESS; // a symbol that is not there is a null pointer, not an error
}

CADENZA_CUDA_API CUresult cuGetProcAddress(const char *symbol, void **function, int version, uint64_t flags) {
  const CUresult result = cuGetProcAddress_v2(symbol, function, version, flags, nullptr);
  return result == CUDA_SUCCESS && !*function ? CUDA_ERROR_NOT_FOUND : result; // as the first form did
}
