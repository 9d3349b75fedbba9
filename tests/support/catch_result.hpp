// Lets Catch2 print a Result<T> of any T: `REQUIRE(result)` shows the error. Boost's own operator<< does not compile
// for a T without one.
#pragma once

#include <string>
#include <type_traits>

#include <catch2/catch.hpp>

#include "mooring/base/error.hpp"

template <class T>
struct Catch::StringMaker<boost::system::result<T, mooring::Error>> {
  static std::string convert(const boost::system::result<T, mooring::Error>& result) {
    if (result.has_error()) {
      return "error " + std::string(result.error().info().id) + ": " + result.error().text();
    }
    if constexpr (std::is_void_v<T>) {
      return "ok";
    } else {
      return Catch::Detail::stringify(*result);
    }
  }
};
