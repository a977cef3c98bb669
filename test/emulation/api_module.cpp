// Modules: the only code that this device runs is a host shared object, written to an anonymous file and loaded.
#include "test/emulation/driver.h"

#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace cadenza::emulation;

namespace {

/// The bytes of an ELF shared object by its own tables: the driver interface passes no length.
uint64_t imageBytes(const unsigned char *image) {
  Elf64_Ehdr header;
  std::memcpy(&header, image, sizeof header);
  uint64_t end = header.e_shoff + static_cast<uint64_t>(header.e_shnum) * header.e_shentsize;
  for (int i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr section;
    std::memcpy(&section, image + header.e_shoff + static_cast<uint64_t>(i) * header.e_shentsize, sizeof section);
    if (section.sh_type != SHT_NOBITS)
      end = std::max(end, section.sh_offset + section.sh_size);
  }
  return end;
}

CUresult checkImage(const unsigned char *image) {
  if (std::memcmp(image, ELFMAG, SELFMAG) != 0 || image[EI_CLASS] != ELFCLASS64)
    return CUDA_ERROR_INVALID_IMAGE; // PTX among others: there is no compiler here
  Elf64_Ehdr header;
  std::memcpy(&header, image, sizeof header);
  if (header.e_machine != EM_X86_64)
    return CUDA_ERROR_NO_BINARY_FOR_GPU; // a cubin
  return header.e_type == ET_DYN ? CUDA_SUCCESS : CUDA_ERROR_INVALID_IMAGE;
}

/// A loaded shared object. Its descriptor stays open: the loader knows an object by its path, which must not be reused.
struct SharedObject {
  int file;
  void *handle;
  SharedObject(int file, void *handle) : file(file), handle(handle) {}
  SharedObject(const SharedObject &) = delete;
  SharedObject &operator=(const SharedObject &) = delete;
  ~SharedObject() {
    dlclose(handle);
    close(file);
  }
};

CUresult load(const void *image, std::shared_ptr<void> &module) {
  if (!image)
    return CUDA_ERROR_INVALID_VALUE;
  const auto *bytes = static_cast<const unsigned char *>(image);
  if (CUresult error = checkImage(bytes); error != CUDA_SUCCESS)
    return error;
  const int file = memfd_create("cadenza-kernels", MFD_CLOEXEC);
  uint64_t left = imageBytes(bytes);
  while (file >= 0 && left > 0) {
    const ssize_t written = write(file, bytes, left);
    if (written <= 0)
      break;
    bytes += written;
    left -= static_cast<uint64_t>(written);
  }
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  void *handle = left == 0 ? dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) : nullptr;
  if (!handle) {
    const char *why = left == 0 ? dlerror() : "cannot write the image to an anonymous file";
    std::fprintf(stderr, "cadenza emulation: module: %s\n", why);
    close(file);
    return CUDA_ERROR_INVALID_IMAGE;
  }
  auto object = std::make_shared<SharedObject>(file, handle);
  auto **services = static_cast<const cadenza::host::Services **>(dlsym(handle, "cadenza_host_services"));
  if (!services) {
    std::fprintf(stderr, "cadenza emulation: module: no symbol cadenza_host_services; was it built from arch.cuh?\n");
    return CUDA_ERROR_INVALID_IMAGE;
  }
  *services = &scheduler().services;
  module = object;
  return CUDA_SUCCESS;
}

CUresult getFunction(CUmod_st &module, const char *name, CUfunction *result) {
  for (const auto &function : module.functions)
    if (function->kernel->name == name) {
      *result = function.get();
      return CUDA_SUCCESS;
    }
  void *handle = std::static_pointer_cast<SharedObject>(module.module)->handle;
  void *entry = dlsym(handle, name);
  const void *descriptor = dlsym(handle, (std::string(name) + "__cadenza").c_str());
  if (!entry || !descriptor)
    return CUDA_ERROR_NOT_FOUND;
  auto kernel = std::make_shared<Kernel>();
  kernel->name = name;
  kernel->entry = reinterpret_cast<cadenza::host::KernelEntry>(entry);
  std::memcpy(&kernel->descriptor, descriptor, sizeof kernel->descriptor);
  kernel->module = module.module;
  if (kernel->descriptor.abi != cadenza::host::abi_version) {
    std::fprintf(stderr, "cadenza emulation: kernel '%s' was built for interface version %u, this is %u\n", name,
                 kernel->descriptor.abi, cadenza::host::abi_version);
    return CUDA_ERROR_NO_BINARY_FOR_GPU;
  }
  module.functions.push_back(std::make_unique<CUfunc_st>(CUfunc_st{std::move(kernel)}));
  *result = module.functions.back().get();
  return CUDA_SUCCESS;
}

CUresult loadModule(CUmodule *result, const void *image) {
  std::shared_ptr<void> module;
  if (CUresult error = load(image, module); error != CUDA_SUCCESS)
    return error;
  *result = addHandle(driver().modules);
  (*result)->module = std::move(module);
  return CUDA_SUCCESS;
}

CUresult unloadModule(CUmodule handle) {
  auto found = findHandle(driver().modules, handle);
  if (found == driver().modules.end())
    return CUDA_ERROR_INVALID_HANDLE;
  if (CUresult error = drainAll(); error != CUDA_SUCCESS)
    return error;
  driver().modules.erase(found);
  return CUDA_SUCCESS;
}

CUfunction findFunction(CUfunction handle) {
  for (const auto &module : driver().modules)
    for (const auto &function : module->functions)
      if (function.get() == handle)
        return function.get();
  return nullptr;
}

} // namespace

CADENZA_CUDA_API CUresult cuModuleLoadData(CUmodule *module, const void *image) {
  CADENZA_CALL(cuModuleLoadData, context)
  return loadModule(module, image);
}
CADENZA_CUDA_API CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned, int *, void **) {
  CADENZA_CALL(cuModuleLoadDataEx, context)
  return loadModule(module, image);
}
CADENZA_CUDA_API CUresult cuModuleUnload(CUmodule module) {
  CADENZA_CALL(cuModuleUnload, context)
  return unloadModule(module);
}
CADENZA_CUDA_API CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name) {
  CADENZA_CALL(cuModuleGetFunction, context)
  auto found = findHandle(driver().modules, module);
  return found == driver().modules.end() ? CUDA_ERROR_INVALID_HANDLE : getFunction(**found, name, function);
}

// Libraries are modules by another name, kernels are functions -------------------------------------------------------

CADENZA_CUDA_API CUresult cuLibraryLoadData(CUlibrary *library, const void *image, int *, void **, unsigned, int *,
                                            void **, unsigned) {
  CADENZA_CALL(cuLibraryLoadData, context)
  return loadModule(reinterpret_cast<CUmodule *>(library), image);
}
CADENZA_CUDA_API CUresult cuLibraryUnload(CUlibrary library) {
  CADENZA_CALL(cuLibraryUnload, context)
  return unloadModule(reinterpret_cast<CUmodule>(library));
}
CADENZA_CUDA_API CUresult cuLibraryGetKernel(CUkernel *kernel, CUlibrary library, const char *name) {
  CADENZA_CALL(cuLibraryGetKernel, context)
  auto found = findHandle(driver().modules, reinterpret_cast<CUmodule>(library));
  if (found == driver().modules.end())
    return CUDA_ERROR_INVALID_HANDLE;
  return getFunction(**found, name, reinterpret_cast<CUfunction *>(kernel));
}
CADENZA_CUDA_API CUresult cuKernelGetFunction(CUfunction *function, CUkernel kernel) {
  CADENZA_CALL(cuKernelGetFunction, context)
  *function = findFunction(reinterpret_cast<CUfunction>(kernel));
  return *function ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

// Function attributes ------------------------------------------------------------------------------------------------

CADENZA_CUDA_API CUresult cuFuncGetAttribute(int *value, CUfunction_attribute attribute, CUfunction handle) {
  CADENZA_CALL(cuFuncGetAttribute, context)
  const CUfunction function = findFunction(handle);
  if (!function)
    return CUDA_ERROR_INVALID_HANDLE;
  const Kernel &kernel = *function->kernel;
  const DeviceProperties &p = driver().properties;
  switch (attribute) {
  case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
    *value = static_cast<int>(kernel.descriptor.max_threads);
    break;
  case CU_FUNC_ATTRIBUTE_NUM_REGS: { // what the declaration leaves room for; nothing here has registers
    const unsigned threads = kernel.descriptor.max_threads * std::max(1u, kernel.descriptor.min_blocks);
    *value = static_cast<int>(std::min(255u, 65536 / threads / 8 * 8));
    break;
  }
  case CU_FUNC_ATTRIBUTE_PTX_VERSION:
  case CU_FUNC_ATTRIBUTE_BINARY_VERSION:
    *value = p.major * 10 + p.minor;
    break;
  case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
    *value = static_cast<int>(kernel.maxDynamicShared);
    break;
  case CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED:
    *value = kernel.nonPortableCluster;
    break;
  default:
    *value = 0; // static shared, constant and local memory: none
  }
  return CUDA_SUCCESS;
}

CADENZA_CUDA_API CUresult cuFuncSetAttribute(CUfunction handle, CUfunction_attribute attribute, int value) {
  CADENZA_CALL(cuFuncSetAttribute, context)
  const CUfunction function = findFunction(handle);
  if (!function)
    return CUDA_ERROR_INVALID_HANDLE;
  switch (attribute) {
  case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
    if (value < 0 || value > driver().properties.sharedPerBlockOptin)
      return CUDA_ERROR_INVALID_VALUE;
    function->kernel->maxDynamicShared = static_cast<uint32_t>(value);
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
    return value >= -1 && value <= 100 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  case CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED:
    if (!driver().properties.hasClusters())
      return CUDA_ERROR_NOT_SUPPORTED;
    function->kernel->nonPortableCluster = value != 0;
    return CUDA_SUCCESS;
  default:
    return CUDA_ERROR_INVALID_VALUE;
  }
}

namespace cadenza::emulation {
CUfunction functionHandle(CUfunction handle) { return findFunction(handle); }
} // namespace cadenza::emulation
