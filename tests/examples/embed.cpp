// An application with a container inside: its own store, limits, live output, and nothing left behind.
#include <contain/contain.hpp>
#include <iostream>

int main(int argc, char** argv) try {
  if (argc != 2) return std::cerr << "usage: embed STORE\n", 2;
  contain::engine_options where;
  where.root = argv[1];
  contain::engine engine(where);

  contain::container_options options;
  options.image = "hello-world";
  options.limits.memory_bytes = 64 << 20;
  options.limits.pids = 16;
  contain::container job = contain::container::create(engine, options);

  contain::attachment output = job.start_attached();
  for (;;) {
    const contain::process::chunk piece = output.read();
    if (piece.data.empty()) break;
    (piece.from == contain::stream::out ? std::cout : std::cerr) << piece.data;
  }
  std::cout << job.name() << " ended with exit code " << job.wait().code << '\n';
  for (const contain::isolation_row& row : job.isolation())
    if (row.result == contain::isolation_row::grade::weakened) std::cout << row.name << ": " << row.detail << '\n';
} catch (const contain::error& e) {
  std::cerr << e.what() << '\n' << e.hint() << '\n';
  return 1;
}
