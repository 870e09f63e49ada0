#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mayfly::bench {

// The measurements of one subject in one case, and what is told of them.
class Samples final {
 public:
  Samples(std::string name, std::string subject, std::string unit)
      : name_(std::move(name)), subject_(std::move(subject)), unit_(std::move(unit)) {}

  void Add(double value) { values_.push_back(value); }
  [[nodiscard]] const std::string& subject() const { return subject_; }
  [[nodiscard]] bool empty() const { return values_.empty(); }
  // The value below which `fraction` (0 to 1) of the samples lie: the nearest rank, so always one
  // that was measured.
  [[nodiscard]] double Quantile(double fraction) const;
  // One JSON object: {"bench", "case", "subject", "unit", "p50", "p99", "n"}.
  [[nodiscard]] std::string ToJson(std::string_view bench) const;

 private:
  std::string name_;
  std::string subject_;
  std::string unit_;
  std::vector<double> values_;
};

}  // namespace mayfly::bench
