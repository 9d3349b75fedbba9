// Where the wish of a pod may come from, and the first of those places that says something.
// Threading: values; refers to the call and the configuration that it was made from.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "cni-plugin/call.hpp"
#include "cni-plugin/net_conf.hpp"

namespace mooring::cni {

// A text, with where it came from; "" = nobody said anything.
struct Wish {
  std::string value;
  std::string source;
  Errc code = Errc::invalid_config;

  // The error of a value that was said here.
  Error wrong(const Error& error) const;
  template <class T>
  Result<T> parsed(Result<T> result) const {
    return result ? result : Result<T>(wrong(result.error()));
  }
};

class WishSources {
 public:
  WishSources(const Call& call, const ConfiguredWishes& configured) : call_(call), configured_(configured) {}

  // mooring.io/NAME; two names for one thing must not both be used.
  Result<Wish> annotation(std::initializer_list<const char*> names) const;
  // The first of CNI_ARGS that is there.
  Wish argument(std::initializer_list<const char*> names) const;
  // Annotation over argument.
  Result<Wish> of_pod(std::initializer_list<const char*> annotations, std::initializer_list<const char*> args) const;
  // What the network configuration says under `key`.
  static Wish configured(const char* key, const std::string& value);

 private:
  const Call& call_;
  const ConfiguredWishes& configured_;
};

// "a, b,c" -> a b c. An empty item is an error.
Result<std::vector<std::string>> items_of(const Wish& wish);

}  // namespace mooring::cni
