# lit tests: every *.mlir and *.test below test/, discovered, never listed. Run by ctest (test `lit`) or by
#   ninja check-lit
#   lit -v BUILD/test --filter fuse-residual
import os

import lit.formats

config.name = "cadenza"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["fixtures", "Inputs", "python"]
config.test_source_root = os.path.join(config.cadenza_source, "test")
config.test_exec_root = os.path.join(config.cadenza_binary, "test", "lit")

# Our tools, then FileCheck, not and split-file.
config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.cadenza_binary, "bin"), config.llvm_tools, os.environ["PATH"]]
)
if config.sanitizers:
    config.available_features.add("sanitizers")
config.environment["FILECHECK_OPTS"] = "--enable-var-scope"
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "CADENZA_NVRTC", "CUDA_HOME", "LD_LIBRARY_PATH"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

config.substitutions.append(("%fixtures", os.path.join(config.test_source_root, "fixtures")))
