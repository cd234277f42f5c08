// The smallest program that embeds a container: run_host STORE IMAGE COMMAND…
#include <exception>
#include <iostream>

#include "contain/contain.hpp"

int main(int argc, char** argv) try {
  if (argc < 4) return 2;
  contain::engine engine({.root = argv[1], .log = {}});
  contain::container_options options;
  options.image = argv[2];
  options.command.assign(argv + 3, argv + argc);
  const auto done = contain::run(engine, options);
  std::cout << done.out;
  std::cerr << done.err;
  return done.status.code;
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return 125;
}
