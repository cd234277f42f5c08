// A host program whose end at a bad moment is tested: it makes, starts, uses and removes containers for ever.
//
//   churn_host prepare STORE ARCHIVE   loads the image once
//   churn_host churn STORE             prints the name of each phase as it enters it, until it is killed
#include <exception>
#include <iostream>
#include <string_view>

#include "contain/contain.hpp"

namespace {

using namespace std::chrono_literals;

void churn(contain::engine& engine) {
  contain::container_options options;
  options.image = "busybox:latest";
  options.command = {"sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"};
  const auto enter = [](std::string_view phase) { std::cout << phase << std::endl; };
  enter("create");
  auto container = contain::container::create(engine, options);
  enter("start");
  container.start();
  enter("exec");
  contain::exec_options writing;
  writing.command = {"sh", "-c", "echo x > /file; sleep 0.01"};
  static_cast<void>(container.exec_run(writing));
  enter("stop");
  static_cast<void>(container.stop(2s));
  enter("remove");
  container.remove();
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string_view verb = argc > 2 ? argv[1] : "";
  if (verb == "prepare" && argc == 4) {
    contain::engine engine({.root = argv[2], .log = {}});
    contain::image::load(engine, argv[3]);
  } else if (verb == "churn") {
    contain::engine engine({.root = argv[2], .log = {}});
    while (true) churn(engine);
  } else {
    std::cerr << "usage: churn_host prepare STORE ARCHIVE | churn STORE\n";
    return 2;
  }
  return 0;
} catch (const std::exception& e) {
  std::cerr << "churn_host: " << e.what() << '\n';
  return 1;
}
