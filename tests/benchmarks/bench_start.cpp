// The library's own row: create, start, wait and remove a container, from a host of a chosen size.
//
//   bench_start --store DIR --rootfs DIR [--touch MIB] -- ARGV…
//
// Prints `ready SUPERVISOR_PID`, then for each line read: `run` gives wall nanoseconds, this process's CPU nanoseconds
// and the exit code; `check COMMAND…` runs a shell command in a container and prints its output, ended by a line `.`.
#include <sys/mman.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "contain/contain.hpp"

namespace {

constexpr auto tag = "bench:latest";

struct arguments {
  std::string store, rootfs;
  std::size_t touch_mib = 0;
  std::vector<std::string> command;
};

arguments parse(int argc, char** argv) {
  arguments out;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--") {
      out.command.assign(argv + i + 1, argv + argc);
      break;
    }
    if (i + 1 == argc) throw std::runtime_error(word + " needs a value");
    const std::string value = argv[++i];
    if (word == "--store") out.store = value;
    if (word == "--rootfs") out.rootfs = value;
    if (word == "--touch") out.touch_mib = std::stoul(value);
  }
  if (out.store.empty() || out.rootfs.empty() || out.command.empty())
    throw std::runtime_error("usage: bench_start --store DIR --rootfs DIR [--touch MIB] -- ARGV…");
  return out;
}

std::uint64_t own_cpu_ns() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto us =
      (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
  return static_cast<std::uint64_t>(us) * 1000;
}

/// Memory that is really there, as a server or a notebook with data has it.
void touch(std::size_t mib) {
  if (mib == 0) return;
  void* const memory = mmap(nullptr, mib << 20U, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::runtime_error("not enough memory for --touch");
  std::memset(memory, 1, mib << 20U);
}

contain::container_options options_for(const std::vector<std::string>& command) {
  contain::container_options options;
  options.image = tag;
  options.command = command;
  options.auto_remove = true;
  return options;
}

int parent_of(int pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("PPid:")) return std::stoi(line.substr(5));
  return 0;
}

/// The supervisor is the parent of every container.
int supervisor_pid(contain::engine& engine) {
  auto idle = contain::container::create(engine, options_for({"/bin/idle"}));
  idle.start();
  const int pid = parent_of(idle.info().pid);
  idle.kill();
  static_cast<void>(idle.wait());
  return pid;
}

void measure(contain::engine& engine, const contain::container_options& options) {
  const auto cpu = own_cpu_ns();
  const auto start = std::chrono::steady_clock::now();
  int code = 0;
  {
    auto container = contain::container::create(engine, options);
    container.start();
    code = container.wait().code;
  }
  const auto wall = std::chrono::steady_clock::now() - start;
  std::cout << std::chrono::nanoseconds(wall).count() << ' ' << own_cpu_ns() - cpu << ' ' << code << std::endl;
}

}  // namespace

int main(int argc, char** argv) try {
  const auto arguments = parse(argc, argv);
  touch(arguments.touch_mib);
  contain::engine engine({.root = arguments.store, .log = {}});
  contain::image::from_directory(engine, arguments.rootfs, tag);
  std::cout << "ready " << supervisor_pid(engine) << std::endl;
  const auto options = options_for(arguments.command);
  for (std::string line; std::getline(std::cin, line);) {
    if (line.starts_with("check "))
      std::cout << contain::run(engine, options_for({"/bin/sh", "-c", line.substr(6)})).out << "\n." << std::endl;
    else
      measure(engine, options);
  }
  return 0;
} catch (const std::exception& e) {
  std::cerr << "bench_start: " << e.what() << '\n';
  return 1;
}
