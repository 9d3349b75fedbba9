// What a look-up came to: the object, or nothing. To be used like a pointer, which it owns what is behind: the tables
// keep their objects packed, and this is the unpacked copy.
//
// Threading: values.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>

namespace mooring::controller {

template <class T>
class Found {
 public:
  Found() = default;
  Found(std::nullptr_t) {}                                        // NOLINT: nothing, as of a pointer
  Found(T object) : object_(std::move(object)) {}                 // NOLINT: conversion wanted
  Found(std::optional<T> object) : object_(std::move(object)) {}  // NOLINT: conversion wanted

  const T& operator*() const { return *object_; }
  const T* operator->() const { return &*object_; }
  explicit operator bool() const { return object_.has_value(); }
  // Good as long as this is.
  const T* get() const& { return object_ ? &*object_ : nullptr; }
  const T* get() const&& = delete;
  friend bool operator==(const Found& found, std::nullptr_t) { return !found.object_; }
  friend bool operator==(const Found& found, const T& object) { return found.object_ == object; }

 private:
  std::optional<T> object_;
};

}  // namespace mooring::controller
