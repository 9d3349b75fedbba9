// What the rules of validate*.cpp have in common. Known to them only.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "mooring/base/error.hpp"
#include "mooring/ipam_api/names.hpp"

namespace mooring::controller {

inline Error invalid(std::string message, std::string hint = {}) {
  return Error(Errc::invalid_argument, std::move(message), std::move(hint));
}

inline Result<void> check_name(std::string_view name) {
  const auto parsed = ipam_api::parse_name("name", name);
  return parsed ? ok() : Result<void>(parsed.error());
}

// "a, b, c and 4 more"
class NameList {
 public:
  void add(const std::string& name) {
    if (++count_ <= shown) {
      text_ += (count_ == 1 ? "" : ", ") + name;
    }
  }
  bool empty() const { return count_ == 0; }
  std::string str() const { return count_ > shown ? fmt::format("{} and {} more", text_, count_ - shown) : text_; }

 private:
  static constexpr std::size_t shown = 3;
  std::size_t count_ = 0;
  std::string text_;
};

}  // namespace mooring::controller
