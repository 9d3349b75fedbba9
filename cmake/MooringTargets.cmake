# Two helpers, so that every target in the tree has the same warnings, include root and names.

add_library(mooring_options INTERFACE)
target_include_directories(mooring_options INTERFACE "${PROJECT_SOURCE_DIR}")
target_compile_definitions(mooring_options INTERFACE
  MOORING_VERSION="${PROJECT_VERSION}"
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_ARRAY BOOST_ALL_NO_LIB)
target_compile_options(mooring_options INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wconversion;-Wsign-conversion;-Wshadow;-Wnon-virtual-dtor;-Woverloaded-virtual;-Wold-style-cast;-Wcast-align;-Wunused;-Wformat=2;-Wimplicit-fallthrough;-Werror>
  # g++ 12 takes Asio's coroutine frame allocator (aligned_alloc + free) for a mismatch.
  $<$<COMPILE_LANGUAGE:CXX>:-Wno-mismatched-new-delete>
  $<$<COMPILE_LANGUAGE:C>:-Wall;-Wextra;-Werror>)

# The dev preset compiles several files as one (CMAKE_UNITY_BUILD): almost all the time goes into headers that they share.
# Then g++ warns of every class that has a member of an unnamed namespace's type.
if(CMAKE_UNITY_BUILD)
  target_compile_options(mooring_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>)
endif()

# mooring_compile_alone(GLOB...): these files of this folder have names of their own that a neighbour has too (the
# compiler says "redefinition of … {anonymous}": rename one, or name the file here).
function(mooring_compile_alone)
  file(GLOB files CONFIGURE_DEPENDS ${ARGN})
  set_source_files_properties(${files} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

# mooring_library(NAME [SOURCES_IN folder...] LINKS target...)
# A library of <component>/lib/mooring/NAME: target mooring::NAME, included as "mooring/NAME/….hpp".
function(mooring_library name)
  cmake_parse_arguments(arg "" "" "LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "mooring/${name}/*.cpp")
  add_library(mooring_${name} STATIC ${sources})
  add_library(mooring::${name} ALIAS mooring_${name})
  target_include_directories(mooring_${name} PUBLIC "${CMAKE_CURRENT_SOURCE_DIR}")
  target_link_libraries(mooring_${name} PUBLIC mooring_options ${arg_LINKS})
endfunction()

# mooring_component(NAME FOLDERS folder... LINKS target...)
# Everything of a program but its main.cpp, so that tests can link it: target mooring_NAME_core.
# Included by path from the repository's root: "ovs-agent/domain/pipeline.hpp".
function(mooring_component name)
  cmake_parse_arguments(arg "" "" "FOLDERS;LINKS" ${ARGN})
  set(globs)
  foreach(folder IN LISTS arg_FOLDERS)
    list(APPEND globs "${folder}/*.cpp")
  endforeach()
  file(GLOB sources CONFIGURE_DEPENDS ${globs})
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  add_library(mooring_${name}_core STATIC ${sources})
  target_link_libraries(mooring_${name}_core PUBLIC mooring_options ${arg_LINKS})
endfunction()
