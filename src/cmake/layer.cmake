# The functions that turn a folder into a layer, and layers into the library.
function(contain_compile_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                         $<$<BOOL:${CONTAIN_WERROR}>:-Werror>)
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(${target} PRIVATE -Wno-restrict)  # false alarms in std::string's own code, GCC bug 105651
  endif()
  if(CONTAIN_SANITIZE)
    list(JOIN CONTAIN_SANITIZE "," list)
    target_compile_options(${target} PRIVATE -fsanitize=${list} -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${list})
  endif()
endfunction()

function(contain_layer name)
  cmake_parse_arguments(arg "" "" "SOURCES;USES;LINK" ${ARGN})
  add_library(contain_${name}_objects OBJECT ${arg_SOURCES})
  target_include_directories(contain_${name}_objects PUBLIC ${PROJECT_SOURCE_DIR}/include)
  target_include_directories(contain_${name}_objects PRIVATE ${PROJECT_SOURCE_DIR}/src)
  contain_compile_options(contain_${name}_objects)
  target_link_libraries(contain_${name}_objects PRIVATE ${arg_LINK})
  add_library(contain_${name} STATIC EXCLUDE_FROM_ALL $<TARGET_OBJECTS:contain_${name}_objects>)
  target_include_directories(contain_${name} PUBLIC ${PROJECT_SOURCE_DIR}/include)
  list(TRANSFORM arg_USES PREPEND contain_)
  target_link_libraries(contain_${name} PUBLIC ${arg_USES} ${arg_LINK})
  set_property(GLOBAL PROPERTY contain_${name}_link "${arg_LINK}")
endfunction()

# contain_library(LAYERS …): the layers' objects as
#   contain         libcontain.a, for this tree and for add_subdirectory
#   contain_shared  libcontain.so, what an installed contain::contain is: it needs none of the libraries' headers or
#                   archives where it is used, and it shows nobody what is linked into it
function(contain_library)
  cmake_parse_arguments(arg "" "" "LAYERS" ${ARGN})
  set(objects)
  set(links)
  foreach(layer IN LISTS arg_LAYERS)
    list(APPEND objects $<TARGET_OBJECTS:contain_${layer}_objects>)
    get_property(link GLOBAL PROPERTY contain_${layer}_link)
    list(APPEND links ${link})
  endforeach()
  list(REMOVE_DUPLICATES links)

  add_library(contain STATIC ${objects})
  add_library(contain::contain ALIAS contain)
  # A plug-in or extension module that links the archive must not export it, least of all its SQLite.
  target_link_options(contain INTERFACE -Wl,--exclude-libs,ALL)
  set(targets contain)
  if(CONTAIN_INSTALL)
    set(exports ${PROJECT_SOURCE_DIR}/src/cmake/exports.map)
    add_library(contain_shared SHARED ${objects})
    target_link_options(contain_shared PRIVATE -Wl,--version-script=${exports} -Wl,--no-undefined -Wl,--as-needed)
    set_target_properties(contain_shared PROPERTIES OUTPUT_NAME contain VERSION ${PROJECT_VERSION} LINK_DEPENDS ${exports}
                          SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})  # 0.x: each minor release is its own
    list(APPEND targets contain_shared)
  endif()
  foreach(target IN LISTS targets)
    target_compile_features(${target} PUBLIC cxx_std_20)
    target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                               $<INSTALL_INTERFACE:include>)
    target_link_libraries(${target} PRIVATE ${links})
    if(CONTAIN_SANITIZE)
      list(JOIN CONTAIN_SANITIZE "," list)
      target_link_options(${target} PUBLIC -fsanitize=${list})
    endif()
  endforeach()
endfunction()
