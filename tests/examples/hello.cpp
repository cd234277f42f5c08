#include <contain/contain.hpp>
#include <iostream>

int main() try {
  const contain::completed hello = contain::run("hello-world");
  std::cout << hello.out << "It ended with exit code " << hello.status.code << ".\n";
} catch (const contain::error& e) {
  std::cerr << e.what() << '\n' << e.hint() << '\n';
  return 1;
}
