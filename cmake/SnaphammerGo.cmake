# Programs in Go, by the standard library alone.
#
#   snaphammer_go_program(TARGET OUTPUT file SOURCES files...)
#
# compiles the module in the current source directory into one static program, whose file is the target's property
# SNAPHAMMER_PROGRAM, and registers its *_test.go as TARGET_unit_test. The same sources give the same bytes. Nothing is
# read or written outside of the build directory, and nothing downloaded.

# Debian's first: the names in its runtime, which freeze points are at, are then the same everywhere.
find_program(SNAPHAMMER_GO go HINTS /usr/lib/go/bin DOC "Compiles the guest's programs in Go")
set(oldest 1.19)
set(advice "install the Debian package golang-go (ci/setup does it), or set SNAPHAMMER_GO to a Go compiler from ${oldest} on")
if(NOT SNAPHAMMER_GO)
  message(FATAL_ERROR "no Go compiler was found: ${advice}")
endif()
execute_process(COMMAND ${SNAPHAMMER_GO} version OUTPUT_VARIABLE version ERROR_VARIABLE version)
if(NOT version MATCHES "go version go([0-9.]+)" OR CMAKE_MATCH_1 VERSION_LESS oldest)
  message(FATAL_ERROR "${SNAPHAMMER_GO} is not a Go compiler from ${oldest} on, it says '${version}': ${advice}")
endif()

set(SNAPHAMMER_GO_COMMAND ${CMAKE_COMMAND} -E env
  GOCACHE=${CMAKE_BINARY_DIR}/go/cache GOPATH=${CMAKE_BINARY_DIR}/go/path GOENV=off GOFLAGS= GOWORK=off GOPROXY=off
  GOTOOLCHAIN=local GOOS=linux GOARCH=amd64 CGO_ENABLED=0
  ${SNAPHAMMER_GO})

function(snaphammer_go_program target)
  cmake_parse_arguments(arg "" "OUTPUT" "SOURCES" ${ARGN})
  # Without DWARF; with the symbol table.
  add_custom_command(OUTPUT ${arg_OUTPUT}
    COMMAND ${SNAPHAMMER_GO_COMMAND} build -trimpath -buildvcs=false "-ldflags=-w -buildid=" -o ${arg_OUTPUT} .
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
    DEPENDS ${arg_SOURCES} go.mod ${SNAPHAMMER_GO}
    COMMENT "Go program ${target}"
    VERBATIM)
  add_custom_target(${target} DEPENDS ${arg_OUTPUT})
  set_target_properties(${target} PROPERTIES SNAPHAMMER_PROGRAM ${arg_OUTPUT})
  add_test(NAME ${target}_unit_test COMMAND ${SNAPHAMMER_GO_COMMAND} test . WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
  set_tests_properties(${target}_unit_test PROPERTIES TIMEOUT 300 LABELS process)
endfunction()
