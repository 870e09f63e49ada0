#include "tests/bench/samples.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "absl/strings/str_format.h"
#include "base/status.h"

namespace mayfly::bench {

double Samples::Quantile(double fraction) const {
  if (values_.empty()) return 0;
  std::vector<double> sorted = values_;
  std::sort(sorted.begin(), sorted.end());
  const auto rank = static_cast<size_t>(std::ceil(fraction * static_cast<double>(sorted.size())));
  return sorted[std::clamp<size_t>(rank, 1, sorted.size()) - 1];
}

std::string Samples::ToJson(std::string_view bench) const {
  return absl::StrFormat(
      R"({"bench":"%s","case":"%s","subject":"%s","unit":"%s","p50":%.4g,"p99":%.4g,"n":%u})",
      ToAbsl(bench), name_, subject_, unit_, Quantile(0.5), Quantile(0.99), values_.size());
}

}  // namespace mayfly::bench
