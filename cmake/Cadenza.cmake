# Build rules shared by all folders: warnings, the two kinds of library, tests.

include(GNUInstallDirs)
find_package(Threads REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)

# LLVM's static archives name compression libraries that nothing here calls; a portable binary must not depend on them.
if(CADENZA_PORTABLE)
  foreach(library ZLIB::ZLIB zstd::libzstd_shared zstd::libzstd_static)
    if(NOT TARGET ${library})
      add_library(${library} INTERFACE IMPORTED)
    endif()
  endforeach()
endif()

# MLIR 22, which finds its LLVM; MLIR_DIR overrides the Debian location.
find_package(MLIR 22.1 REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)

# Debian's MLIR archives name the LLVM shared library as their dependency. A portable binary links the two static
# archives that they really use instead.
if(CADENZA_PORTABLE)
  get_property(mlir_targets GLOBAL PROPERTY MLIR_ALL_LIBS)
  foreach(target IN LISTS MLIR_EXPORTED_TARGETS)
    if(TARGET ${target})
      get_target_property(libraries ${target} INTERFACE_LINK_LIBRARIES)
      if(libraries)
        list(TRANSFORM libraries REPLACE "^LLVM$" "LLVMSupport;LLVMCore")
        set_target_properties(${target} PROPERTIES INTERFACE_LINK_LIBRARIES "${libraries}")
      endif()
    endif()
  endforeach()
endif()

add_library(cadenza_options INTERFACE)
target_compile_options(cadenza_options INTERFACE -Wall -Wextra -Wno-unused-parameter)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(cadenza_options INTERFACE -Wno-restrict) # false alarms on std::string, GCC bug 105329
endif()
if(CADENZA_SANITIZE)
  target_compile_options(cadenza_options INTERFACE -fsanitize=address,undefined -fno-sanitize=vptr # needs RTTI, which MLIR lacks
                                                   -fno-sanitize-recover=all
                                                   -fno-omit-frame-pointer)
  target_link_options(cadenza_options INTERFACE -fsanitize=address,undefined)
endif()
if(CADENZA_PORTABLE)
  target_link_options(cadenza_options INTERFACE -static-libstdc++ -static-libgcc -Wl,--gc-sections)
  target_compile_options(cadenza_options INTERFACE -ffunction-sections -fdata-sections)
endif()

# A library that neither sees nor needs MLIR: the runtime and what it shares with the compiler.
#   cadenza_add_library(NAME SOURCES a.cpp ... LINK lib ...)
function(cadenza_add_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC ${arg_LINK} PRIVATE cadenza_options)
endfunction()

# MLIR's headers, which take the compiler longer to read than all of ours. They are system headers: their warnings are not
# ours. They are built without RTTI, like LLVM, and parsed once: a file includes what it needs all the same.
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/mlir_headers.cpp CONTENT "// The precompiled headers are all there is.\n")
add_library(cadenza_mlir_headers OBJECT ${CMAKE_BINARY_DIR}/mlir_headers.cpp)

function(cadenza_use_mlir_headers name)
  target_include_directories(${name} SYSTEM PUBLIC ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
  target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-rtti>)
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # More false alarms on std::string: of precompiled headers, GCC forgets that they are the system's.
    target_compile_options(${name} PRIVATE -Wno-array-bounds -Wno-stringop-overflow)
  endif()
  # One form of code for libraries and executables, or they could not share what is precompiled.
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${name} PRIVATE -fPIC)
  if(name STREQUAL cadenza_mlir_headers)
    target_precompile_headers(${name} PRIVATE
      <mlir/Dialect/Func/IR/FuncOps.h> <mlir/IR/Builders.h> <mlir/IR/BuiltinAttributes.h> <mlir/IR/BuiltinOps.h>
      <mlir/IR/BuiltinTypes.h> <mlir/IR/DialectImplementation.h> <mlir/IR/IRMapping.h> <mlir/IR/Matchers.h>
      <mlir/IR/OpImplementation.h> <mlir/IR/PatternMatch.h> <mlir/IR/SymbolTable.h> <mlir/IR/Verifier.h>
      <mlir/Interfaces/ControlFlowInterfaces.h> <mlir/Interfaces/InferTypeOpInterface.h>
      <mlir/Interfaces/SideEffectInterfaces.h> <mlir/Parser/Parser.h> <mlir/Pass/Pass.h> <mlir/Pass/PassManager.h>
      <mlir/Transforms/DialectConversion.h> <mlir/Transforms/GreedyPatternRewriteDriver.h>)
  else()
    target_precompile_headers(${name} REUSE_FROM cadenza_mlir_headers)
  endif()
endfunction()
target_link_libraries(cadenza_mlir_headers PRIVATE cadenza_options)
cadenza_use_mlir_headers(cadenza_mlir_headers)

# A library that includes MLIR headers.
function(cadenza_add_mlir_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  cadenza_use_mlir_headers(${name})
  target_link_libraries(${name} PUBLIC ${arg_LINK} PRIVATE cadenza_options)
  if(arg_DEPENDS)
    add_dependencies(${name} ${arg_DEPENDS})
  endif()
endfunction()

# A command-line tool. LINK decides whether it contains MLIR.
function(cadenza_add_tool name)
  cmake_parse_arguments(arg "MLIR" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  if(arg_MLIR)
    cadenza_use_mlir_headers(${name})
  endif()
  target_link_libraries(${name} PRIVATE ${arg_LINK} cadenza_options)
  if(CADENZA_PORTABLE) # what is linked, for scripts/sbom.py
    target_link_options(${name} PRIVATE -Wl,--dependency-file=$<TARGET_FILE:${name}>.link.d)
  endif()
  install(TARGETS ${name} COMPONENT cadenza OPTIONAL)
endfunction()

# One GoogleTest binary a folder: every *_test.cpp in the calling folder, discovered, never listed.
#   cadenza_add_gtests(NAME LINK lib ...)
function(cadenza_add_gtests name)
  cmake_parse_arguments(arg "MLIR" "" "LINK" ${ARGN})
  find_package(GTest REQUIRED)
  include(GoogleTest)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cpp)
  if(NOT sources)
    message(FATAL_ERROR "${CMAKE_CURRENT_SOURCE_DIR} has no *_test.cpp")
  endif()
  add_executable(${name} ${sources})
  if(arg_MLIR)
    cadenza_use_mlir_headers(${name})
  endif()
  target_compile_definitions(${name} PRIVATE CADENZA_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                                             CADENZA_BINARY_DIR="${CMAKE_BINARY_DIR}")
  target_link_libraries(${name} PRIVATE ${arg_LINK} GTest::gtest GTest::gtest_main cadenza_options)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST NO_PRETTY_VALUES)
endfunction()
