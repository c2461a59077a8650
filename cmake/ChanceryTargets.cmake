# One small function per kind of target. Sources are listed explicitly; libraries are linked PRIVATE where a header does
# not show them.

add_library(chancery_options INTERFACE)
target_compile_options(chancery_options INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
                                                  -fstack-protector-strong)
# Under a sanitizer g++ 12 takes members of std::optional and std::variant for uninitialised that are not (its manual
# warns of that); without one the warning stays an error.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_FLAGS MATCHES "-fsanitize=")
  target_compile_options(chancery_options INTERFACE -Wno-maybe-uninitialized)
endif()
target_compile_definitions(chancery_options INTERFACE CHANCERY_VERSION="${PROJECT_VERSION}"
                                                      $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2>)
target_include_directories(chancery_options INTERFACE ${CMAKE_SOURCE_DIR})
target_link_options(chancery_options INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,--as-needed)

# Headers cost more to compile than most files of ours: nlohmann's JSON and GoogleTest above all, and the standard
# library's. They are compiled once, and reused by every target that links them. What a file includes still stands in
# it: clang-tidy reads the files without these.
set(chancery_standard_headers
    <algorithm> <array> <atomic> <charconv> <chrono> <condition_variable> <cstdint> <cstring> <exception> <filesystem>
    <fstream> <functional> <iterator> <limits> <map> <memory> <mutex> <optional> <set> <span> <sstream> <stdexcept>
    <string> <string_view> <thread> <tuple> <type_traits> <utility> <variant> <vector>)

function(chancery_heavy_header name)
  cmake_parse_arguments(HEADER "UNOPTIMISED" "" "HEADERS;LINKS" ${ARGN})
  file(WRITE ${CMAKE_BINARY_DIR}/${name}.cpp "")
  add_library(${name} OBJECT ${CMAKE_BINARY_DIR}/${name}.cpp)
  target_link_libraries(${name} PRIVATE chancery_options ${HEADER_LINKS})
  if(HEADER_UNOPTIMISED)
    chancery_unoptimised(${name})
  endif()
  target_precompile_headers(${name} PRIVATE ${chancery_standard_headers} ${HEADER_HEADERS})
endfunction()

# Code of tests runs once and is compiled often; what it tests is optimised.
function(chancery_unoptimised name)
  target_compile_options(${name} PRIVATE -O0 -U_FORTIFY_SOURCE)
endfunction()

function(chancery_reuse_heavy_header name header)
  if(CMAKE_DISABLE_PRECOMPILE_HEADERS)
    return()
  endif()
  target_precompile_headers(${name} REUSE_FROM ${header})
  # g++ 12 takes libstdc++'s own string code for out of bounds when it comes out of a precompiled header.
  target_compile_options(${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds>
                                         $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
                                         $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow>
                                         $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overread>)
endfunction()

# Poco's own definitions fit neither. The parsers (keystore/, backup/) keep all of the compiler's warnings instead.
function(chancery_reuse_headers name)
  if("${ARGN}" MATCHES "Poco::")
    return()
  endif()
  if("nlohmann_json::nlohmann_json" IN_LIST ARGN)
    chancery_reuse_heavy_header(${name} chancery_json_header)
  elseif(NOT CMAKE_CURRENT_SOURCE_DIR MATCHES "^${CMAKE_SOURCE_DIR}/(keystore|backup)")
    chancery_reuse_heavy_header(${name} chancery_standard_header)
  endif()
endfunction()

# Eight sources at a time are compiled as one where each of them includes much: what nlohmann's JSON instantiates is then
# instantiated once. Sources that have names of their own in common with others stay apart (SKIP). `./dev lint` reads each
# file by itself.
option(CHANCERY_UNITY "compile several sources of a target as one" ON)
function(chancery_several_at_a_time name)
  cmake_parse_arguments(SEVERAL "" "" "SKIP" ${ARGN})
  set_target_properties(${name} PROPERTIES UNITY_BUILD ${CHANCERY_UNITY} UNITY_BUILD_BATCH_SIZE 8)
  if(SEVERAL_SKIP)
    set_source_files_properties(${SEVERAL_SKIP} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endif()
endfunction()

# chancery_together(NAME a.cpp b.cpp …): these sources of the target are compiled as one, others by themselves. Not in a
# release, where an object is to bring along only what is asked of it.
function(chancery_together name)
  if(NOT CHANCERY_UNITY OR CMAKE_BUILD_TYPE STREQUAL "Release")
    return()
  endif()
  set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  # A type of a source that is private to it looks to the compiler like one of a header.
  target_compile_options(${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  list(GET ARGN 0 first)
  cmake_path(GET first STEM group)
  set_source_files_properties(${ARGN} PROPERTIES UNITY_GROUP ${group})
endfunction()

# chancery_library(NAME SOURCES a.cpp … PUBLIC libs… PRIVATE libs…)
function(chancery_library name)
  cmake_parse_arguments(LIB "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${LIB_SOURCES})
  target_link_libraries(${name} PUBLIC chancery_options ${LIB_PUBLIC} PRIVATE ${LIB_PRIVATE})
  chancery_reuse_headers(${name} ${LIB_PUBLIC} ${LIB_PRIVATE})
endfunction()

# chancery_program(NAME SOURCES main.cpp … LINKS libs…)
function(chancery_program name)
  cmake_parse_arguments(PROGRAM "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${PROGRAM_SOURCES})
  target_link_libraries(${name} PRIVATE chancery_options ${PROGRAM_LINKS})
  chancery_reuse_headers(${name} ${PROGRAM_LINKS})
endfunction()

# chancery_test(NAME SOURCES a_test.cpp … LINKS libs… [TIMEOUT seconds] [SERIAL] [APART])
# APART: its sources have names in common, and are compiled one by one.
# One ctest entry per executable; the name is what `./dev test NAME` matches.
function(chancery_test name)
  cmake_parse_arguments(TEST "SERIAL;APART" "TIMEOUT" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${TEST_SOURCES})
  target_link_libraries(${name} PRIVATE chancery_options ${TEST_LINKS} GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE CHANCERY_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                                             CHANCERY_BIN_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  chancery_unoptimised(${name})
  if(NOT TEST_APART)
    chancery_several_at_a_time(${name})
  endif()
  chancery_reuse_heavy_header(${name} chancery_test_header)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests-bin)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  if(NOT TEST_TIMEOUT)
    set(TEST_TIMEOUT 300)
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${TEST_TIMEOUT})
  if(TEST_SERIAL)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL TRUE)
  endif()
endfunction()

# chancery_fuzz(NAME SOURCES … LINKS … [DEFINES …]): a libFuzzer target; nothing unless CHANCERY_FUZZ is on (clang).
function(chancery_fuzz name)
  if(NOT CHANCERY_FUZZ)
    return()
  endif()
  cmake_parse_arguments(FUZZ "" "" "SOURCES;LINKS;DEFINES" ${ARGN})
  add_executable(${name} ${FUZZ_SOURCES})
  target_link_libraries(${name} PRIVATE chancery_options ${FUZZ_LINKS})
  target_compile_definitions(${name} PRIVATE ${FUZZ_DEFINES})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
endfunction()

# chancery_fuzz_test(NAME SOURCES fuzz_test.cpp TARGETS a b TARGET_SOURCES targets.cpp LINKS … [TIMEOUT seconds])
# The functions `void chancery::fuzz::a(ByteView)` of TARGET_SOURCES twice over: in an ordinary test, which bombards each
# (tests/fuzz/bombard.h), and as libFuzzer's fuzz_a.
function(chancery_fuzz_test name)
  cmake_parse_arguments(TEST "" "TIMEOUT" "SOURCES;TARGETS;TARGET_SOURCES;LINKS" ${ARGN})
  if(NOT TEST_TIMEOUT)
    set(TEST_TIMEOUT 300)
  endif()
  chancery_test(${name} SOURCES ${TEST_SOURCES} ${TEST_TARGET_SOURCES} LINKS ${TEST_LINKS} chancery_bombard
                TIMEOUT ${TEST_TIMEOUT})
  foreach(target ${TEST_TARGETS})
    chancery_fuzz(fuzz_${target} SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/entry.cpp ${TEST_TARGET_SOURCES}
                  LINKS ${TEST_LINKS} DEFINES CHANCERY_FUZZ_TARGET=${target})
  endforeach()
endfunction()

# The pages of a program (web/ beside its CMakeLists.txt, with appliance/pages/web) as a source file that holds them:
# chancery_web_app(VARIABLE SPACE namespace) puts its name into VARIABLE.
find_program(NODE node REQUIRED)
function(chancery_web_app variable)
  cmake_parse_arguments(APP "" "SPACE" "" ${ARGN})
  set(shared ${CMAKE_SOURCE_DIR}/appliance/pages/web)
  set(web ${CMAKE_CURRENT_SOURCE_DIR}/web)
  set(pages ${CMAKE_CURRENT_BINARY_DIR}/pages)
  set(modules ${CMAKE_SOURCE_DIR}/build/web)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${shared}/src/* ${web}/src/*)
  add_custom_command(
    OUTPUT ${pages}/assets.cpp
    COMMAND ${CMAKE_COMMAND} -E make_directory ${pages}
    COMMAND ${NODE} ${shared}/build.mjs --web ${web} --space ${APP_SPACE} --modules ${modules}/node_modules --out ${pages}
    DEPENDS ${shared}/build.mjs ${shared}/prune.mjs ${shared}/tsconfig.json ${shared}/icon.svg ${web}/index.html ${sources} ${modules}/installed.stamp
    COMMENT "Building the pages of ${APP_SPACE}"
    VERBATIM)
  set(${variable} ${pages}/assets.cpp PARENT_SCOPE)
endfunction()
