#include "mooring/metrics/exposition.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "mooring/base/process_figures.hpp"

namespace mooring::metrics {
namespace {

std::string number(double value) {
  if (std::isinf(value)) {
    return value > 0 ? "+Inf" : "-Inf";
  }
  return std::isnan(value) ? "NaN" : fmt::format("{}", value);
}

void escape(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') {
      out += '\\';
    }
    out += c;
  }
}

}  // namespace

void Histogram::observe(double seconds) {
  const auto bound = std::lower_bound(bounds_.begin(), bounds_.end(), seconds);
  ++counts_[static_cast<std::size_t>(bound - bounds_.begin())];
  ++count_;
  sum_ += seconds;
}

Exposition& Exposition::family(std::string_view name, std::string_view help, std::string_view type) {
  name_ = name;
  text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  return *this;
}

Exposition& Exposition::line(std::string_view name, std::string_view suffix, double value, Labels labels) {
  text_ += name;
  text_ += suffix;
  const char* before = "{";
  for (const auto& [label, text] : labels) {
    text_ += before;
    text_ += label;
    text_ += "=\"";
    escape(text_, text);
    text_ += '"';
    before = ",";
  }
  if (labels.size() > 0) {
    text_ += '}';
  }
  text_ += ' ';
  text_ += number(value);
  text_ += '\n';
  return *this;
}

Exposition& Exposition::histogram(std::string_view name, std::string_view help, const Histogram& histogram) {
  family(name, help, "histogram");
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < histogram.bounds_.size(); ++i) {
    below += histogram.counts_[i];
    const std::string bound = number(histogram.bounds_[i]);
    line(name, "_bucket", static_cast<double>(below), {{"le", bound}});
  }
  line(name, "_bucket", static_cast<double>(histogram.count_), {{"le", "+Inf"}});
  line(name, "_sum", histogram.sum_, {});
  return line(name, "_count", static_cast<double>(histogram.count_), {});
}

Exposition& Exposition::process() {
  const ProcessFigures process = process_figures();
  counter("process_cpu_seconds_total", "User and system time").sample(process.cpu_seconds);
  gauge("process_resident_memory_bytes", "Resident memory").sample(process.resident_bytes);
  gauge("process_open_fds", "Open file descriptors").sample(process.open_fds);
  gauge("process_max_fds", "How many file descriptors may be open").sample(process.max_fds);
  return gauge("process_start_time_seconds", "Unix time of the start").sample(process.start_time_seconds);
}

}  // namespace mooring::metrics
