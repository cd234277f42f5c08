# The libraries contain is built on, as targets `deps::NAME` for the LINK argument of contain_layer. Also installed, for
# consumers of the static library.
#
# Linked as archives where Debian ships one: the command then starts in about 1 ms, and nothing of them has to be found
# at run time. libcurl and libseccomp are absent on purpose: they are opened with dlopen from one file each, because
# their dependency trees cost 5 ms at every start; only their headers are needed here.
include_guard(GLOBAL)

function(contain_dependency name)
  cmake_parse_arguments(arg "" "HEADER;PACKAGE" "LIBRARIES;THEN" ${ARGN})
  add_library(deps::${name} INTERFACE IMPORTED GLOBAL)
  if(arg_HEADER)
    find_path(CONTAIN_${name}_INCLUDE ${arg_HEADER})
    if(NOT CONTAIN_${name}_INCLUDE)
      message(FATAL_ERROR "contain needs ${arg_HEADER}: apt-get install ${arg_PACKAGE}")
    endif()
    # Implicit directories must not be repeated: /usr/include as -isystem breaks #include_next in libstdc++.
    if(NOT CONTAIN_${name}_INCLUDE IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
      target_include_directories(deps::${name} SYSTEM INTERFACE ${CONTAIN_${name}_INCLUDE})
    endif()
  endif()
  foreach(library IN LISTS arg_LIBRARIES)
    find_library(CONTAIN_${name}_${library} NAMES lib${library}.a ${library})
    if(NOT CONTAIN_${name}_${library})
      message(FATAL_ERROR "contain needs lib${library}: apt-get install ${arg_PACKAGE}")
    endif()
    target_link_libraries(deps::${name} INTERFACE ${CONTAIN_${name}_${library}})
  endforeach()
  target_link_libraries(deps::${name} INTERFACE ${arg_THEN})
endfunction()

find_package(Threads REQUIRED)

contain_dependency(crypto HEADER openssl/evp.h PACKAGE libssl-dev LIBRARIES crypto THEN Threads::Threads ${CMAKE_DL_LIBS})
contain_dependency(sqlite HEADER sqlite3.h PACKAGE libsqlite3-dev LIBRARIES sqlite3 THEN Threads::Threads m)
contain_dependency(zstd HEADER zstd.h PACKAGE libzstd-dev LIBRARIES zstd)
contain_dependency(deflate HEADER libdeflate.h PACKAGE libdeflate-dev LIBRARIES deflate)
contain_dependency(isal HEADER isa-l.h PACKAGE libisal-dev LIBRARIES isal)
contain_dependency(mnl HEADER libmnl/libmnl.h PACKAGE libmnl-dev LIBRARIES mnl)
# Its writer names every format it knows, and those name libxml2 and nettle; collecting unused sections drops them all.
contain_dependency(archive HEADER archive.h PACKAGE libarchive-dev LIBRARIES archive z
                   THEN -Wl,--gc-sections)
add_library(deps::threads INTERFACE IMPORTED GLOBAL)
target_link_libraries(deps::threads INTERFACE Threads::Threads)
