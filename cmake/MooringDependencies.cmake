# Every foreign library that Mooring uses, in one place. Why each is there: docs/dependencies.md.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER "${CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE}")
endif()

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(LIBNL REQUIRED IMPORTED_TARGET libnl-3.0)
find_package(yaml-cpp REQUIRED)
add_library(mooring_yaml INTERFACE)
target_link_libraries(mooring_yaml INTERFACE yaml-cpp)
# The plugin is linked statically: one exec, no dynamic loader (measured: 0.6 ms against 1.5 ms). A program with the
# property MOORING_STATIC takes archives where the others take shared libraries. Debian has no libfmt.a: it is compiled.
find_library(LIBNL_STATIC libnl-3.a REQUIRED)
add_library(mooring_libnl INTERFACE)
target_include_directories(mooring_libnl SYSTEM INTERFACE ${LIBNL_INCLUDE_DIRS})
target_link_libraries(mooring_libnl INTERFACE
  $<IF:$<BOOL:$<TARGET_PROPERTY:MOORING_STATIC>>,${LIBNL_STATIC},PkgConfig::LIBNL>)
add_library(mooring_fmt_archive STATIC "${CMAKE_CURRENT_LIST_DIR}/fmt_archive.cpp")
target_include_directories(mooring_fmt_archive PUBLIC $<TARGET_PROPERTY:fmt::fmt,INTERFACE_INCLUDE_DIRECTORIES>)
add_library(mooring_fmt INTERFACE)
target_link_libraries(mooring_fmt INTERFACE
  $<IF:$<BOOL:$<TARGET_PROPERTY:MOORING_STATIC>>,mooring_fmt_archive,fmt::fmt>)
# The plugin speaks HTTP over a unix socket only: no TLS in a static program.
add_library(mooring_tls INTERFACE)
target_link_libraries(mooring_tls INTERFACE
  $<IF:$<BOOL:$<TARGET_PROPERTY:MOORING_STATIC>>,,OpenSSL::SSL>)
# The core library alone: our own server serves the text. (Its CMake package wants civetweb and curl for the others.)
pkg_check_modules(NFTABLES REQUIRED IMPORTED_TARGET libnftables)
pkg_check_modules(PROMETHEUS REQUIRED IMPORTED_TARGET prometheus-cpp-core)

set(MOORING_OVS_DIR "" CACHE PATH "what scripts/build-libopenvswitch printed (empty: ask it)")
if(NOT MOORING_OVS_DIR)
  execute_process(
    COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/scripts/build-libopenvswitch"
    OUTPUT_VARIABLE ovs_dir OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE ovs_failed)
  if(ovs_failed)
    message(FATAL_ERROR "libopenvswitch could not be built; run scripts/deps first")
  endif()
  set(MOORING_OVS_DIR "${ovs_dir}" CACHE PATH "" FORCE)
endif()
add_library(ovs_openvswitch STATIC IMPORTED GLOBAL)
add_library(ovs::openvswitch ALIAS ovs_openvswitch)
set(ovs_source "${MOORING_OVS_DIR}/source")
set_target_properties(ovs_openvswitch PROPERTIES
  IMPORTED_LOCATION "${ovs_source}/lib/.libs/libopenvswitch.a"
  INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${ovs_source};${ovs_source}/include;${ovs_source}/lib"
  INTERFACE_INCLUDE_DIRECTORIES "${ovs_source};${ovs_source}/include;${ovs_source}/lib"
  INTERFACE_LINK_LIBRARIES "atomic;m;Threads::Threads")
