// Prometheus' text format 0.0.4, for agents and gateways: families with their samples, one after the other.
//
//   Exposition out;
//   out.counter("mooring_x_total", "What x is").sample(3, {{"kind", "a"}}).sample(4, {{"kind", "b"}});
//   return out.take();
//
// The caller bounds what becomes a label. Threading: values. Source: prometheus.io, "Exposition formats".
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mooring::metrics {

// How often something took how long; bounds in seconds, growing.
class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds) : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {}
  void observe(double seconds);
  void observe(std::chrono::nanoseconds took) { observe(std::chrono::duration<double>(took).count()); }
  std::uint64_t count() const { return count_; }

 private:
  friend class Exposition;
  std::vector<double> bounds_;
  std::vector<std::uint64_t> counts_;  // of each bucket alone
  std::uint64_t count_ = 0;
  double sum_ = 0;
};

class Exposition {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  // Each begins a family; a name comes once.
  Exposition& counter(std::string_view name, std::string_view help) { return family(name, help, "counter"); }
  Exposition& gauge(std::string_view name, std::string_view help) { return family(name, help, "gauge"); }
  Exposition& histogram(std::string_view name, std::string_view help, const Histogram& histogram);
  // Of the family begun last.
  Exposition& sample(double value, Labels labels = {}) { return line(name_, "", value, labels); }
  Exposition& sample(std::uint64_t value, Labels labels = {}) { return sample(static_cast<double>(value), labels); }

  // process_…: what every exporter has, of this process.
  Exposition& process();

  std::string take() { return std::move(text_); }

 private:
  Exposition& family(std::string_view name, std::string_view help, std::string_view type);
  Exposition& line(std::string_view name, std::string_view suffix, double value, Labels labels);

  std::string name_;
  std::string text_;
};

}  // namespace mooring::metrics
