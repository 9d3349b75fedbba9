#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "ipam-controller/cli/program.hpp"

int main(int argc, char** argv) {
  try {
    return mooring::ctl::run(std::vector<std::string>(argv + 1, argv + argc), std::cout, std::cerr);
  } catch (const std::exception& exception) {
    std::cerr << "error: " << exception.what() << "\nhint: this is a bug\n";
    return 1;
  }
}
