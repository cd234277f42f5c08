#!/bin/sh
# An application without CMake: build.sh PROGRAM. The run path is only needed where the library is in no standard place.
# shellcheck disable=SC2046  # flags are words
exec "${CXX:-g++}" -std=c++20 -O2 "$(dirname "$0")/../embed.cpp" -o "$1" \
  $(pkg-config --cflags --libs contain) -Wl,-rpath,"$(pkg-config --variable=libdir contain)"
