# How everything in this tree is compiled, and the verbs that the folders' CMakeLists.txt use:
#
#   snaphammer_library(NAME sources... DEPENDS targets...)      a static library of lib/ or harness/
#   snaphammer_test(NAME sources... DEPENDS targets... LABELS l)  a GoogleTest program, run by ctest; with SHARDS n in n
#                                                               parts, NAME_1 to NAME_n, side by side
#   snaphammer_benchmark(NAME sources... DEPENDS targets...)    a Google Benchmark program, run by ci/bench
#   snaphammer_fuzzer(NAME sources... DEPENDS targets... CORPUS dir)  a libFuzzer program (Clang only)
#
# Test labels: `vm` boots a guest (skipped by ci/test --fast); `process` tries whole programs of this build, from
# outside; `threaded` is also worth running under ThreadSanitizer. A test that is neither `vm` nor `process` runs in
# seconds, also under AddressSanitizer and UBSan.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
# Asserts stay on in every build: a harness that goes on from a broken invariant tells lies.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g1")
# Coroutines instrumented by a sanitizer take three times as long to compile with optimization as without.
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
set(CMAKE_C_FLAGS_DEBUG "-O0 -g1")

set(SNAPHAMMER_SANITIZER "" CACHE STRING "address,undefined or thread")
option(SNAPHAMMER_FUZZERS "Build the libFuzzer targets (needs Clang)" OFF)

add_library(snaphammer_flags INTERFACE)
target_include_directories(snaphammer_flags INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
target_compile_options(snaphammer_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wcast-qual -Wundef -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False positives of GCC 12 inside inlined standard library and coroutine code.
  target_compile_options(snaphammer_flags INTERFACE
    -Wno-maybe-uninitialized -Wno-dangling-pointer -Wno-stringop-overflow -Wno-array-bounds -Wno-restrict
    -Wno-mismatched-new-delete)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(snaphammer_flags INTERFACE -Wthread-safety)
endif()
# Asio, Beast and fmt are compiled once, in lib/base/*_implementation.cpp.
target_compile_definitions(snaphammer_flags INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
  BOOST_ASIO_NO_DEPRECATED BOOST_PROCESS_USE_STD_FS
  SPDLOG_FMT_EXTERNAL _GNU_SOURCE)

if(SNAPHAMMER_SANITIZER)
  add_compile_options(-fsanitize=${SNAPHAMMER_SANITIZER} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${SNAPHAMMER_SANITIZER})
  if(SNAPHAMMER_SANITIZER STREQUAL "thread")
    # std::atomic_thread_fence, which Asio uses, is not modelled by TSan; GCC warns at each use.
    add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
  endif()
endif()

find_program(SNAPHAMMER_CCACHE ccache)
if(SNAPHAMMER_CCACHE)
  # Precompiled headers need the sloppiness that ccache's manual names for them.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${SNAPHAMMER_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  add_compile_options($<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU>>:-fpch-preprocess>)
endif()
find_program(SNAPHAMMER_MOLD mold)
if(SNAPHAMMER_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# What ci/sanitize builds and runs.
add_custom_target(sanitized-tests)  # All but `vm` and `process`, and the fuzzers: AddressSanitizer and UBSan.
add_custom_target(threaded-tests)   # `threaded`: ThreadSanitizer.

# Most of what a source costs to build are the headers it includes, so several are compiled as one. Names that are local
# to a source are therefore different within a folder.
function(snaphammer_compile_together name)
  set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
  # GCC takes a source that is included for a header, in which types must not depend on local ones.
  target_compile_options(${name} PRIVATE $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU>>:-Wno-subobject-linkage>)
endfunction()

function(snaphammer_library name)
  cmake_parse_arguments(arg "" "" "DEPENDS" ${ARGN})
  add_library(${name} STATIC ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC snaphammer_flags ${arg_DEPENDS})
  if(TARGET snaphammer_base AND NOT name STREQUAL "snaphammer_base")
    target_precompile_headers(${name} REUSE_FROM snaphammer_base)
  endif()
  snaphammer_compile_together(${name})
endfunction()

function(snaphammer_test name)
  cmake_parse_arguments(arg "" "TIMEOUT;SHARDS" "DEPENDS;LABELS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  if(SNAPHAMMER_SANITIZER)
    math(EXPR arg_TIMEOUT "${arg_TIMEOUT} * 5")
  endif()
  add_executable(${name} ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE snaphammer_test_main ${arg_DEPENDS})
  target_compile_options(${name} PRIVATE -O0)  # Tests wait more than they compute; building them is what takes time.
  target_precompile_headers(${name} REUSE_FROM snaphammer_test_main)
  snaphammer_compile_together(${name})
  if(arg_SHARDS)
    foreach(shard RANGE 1 ${arg_SHARDS})
      math(EXPR index "${shard} - 1")
      add_test(NAME ${name}_${shard} COMMAND ${name})
      set_tests_properties(${name}_${shard} PROPERTIES
        TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}"
        ENVIRONMENT "GTEST_TOTAL_SHARDS=${arg_SHARDS};GTEST_SHARD_INDEX=${index}")
    endforeach()
  else()
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}")
  endif()
  if("threaded" IN_LIST arg_LABELS)
    add_dependencies(threaded-tests ${name})
  endif()
  if(NOT "vm" IN_LIST arg_LABELS AND NOT "process" IN_LIST arg_LABELS)
    add_dependencies(sanitized-tests ${name})
  endif()
  if("vm" IN_LIST arg_LABELS AND NOT arg_SHARDS)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL TRUE)
  endif()
endfunction()

function(snaphammer_benchmark name)
  cmake_parse_arguments(arg "" "" "DEPENDS" ${ARGN})
  find_package(benchmark REQUIRED)
  add_executable(${name} ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE snaphammer_flags ${arg_DEPENDS} benchmark::benchmark)
  target_precompile_headers(${name} REUSE_FROM snaphammer_base)
endfunction()

function(snaphammer_fuzzer name)
  cmake_parse_arguments(arg "" "CORPUS" "DEPENDS" ${ARGN})
  if(NOT SNAPHAMMER_FUZZERS)
    return()
  endif()
  add_executable(${name} ${arg_UNPARSED_ARGUMENTS})
  target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_libraries(${name} PRIVATE snaphammer_flags ${arg_DEPENDS})
  # A short, bounded run in CI; a long one is `NAME corpus-dir` by hand.
  add_dependencies(sanitized-tests ${name})
  add_test(NAME ${name} COMMAND ${name} -max_total_time=10 -timeout=10 -rss_limit_mb=2048
           ${CMAKE_CURRENT_BINARY_DIR}/${name}-new ${arg_CORPUS})
  file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/${name}-new)
  set_tests_properties(${name} PROPERTIES LABELS "fuzz" TIMEOUT 60)
endfunction()
