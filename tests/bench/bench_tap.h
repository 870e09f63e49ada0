#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace mayfly::bench {

// A tap interface, up and without addresses, that a VMM can open by name. Gone with this object.
class BenchTap final {
 public:
  [[nodiscard]] static absl::StatusOr<BenchTap> Create(std::string name);
  BenchTap(BenchTap&&) = default;
  BenchTap& operator=(BenchTap&&) = delete;
  ~BenchTap();

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] int index() const { return index_; }
  // Packets that its guest sent and the host took; segments that travel as one are one.
  [[nodiscard]] absl::StatusOr<uint64_t> PacketsFromGuest() const;

 private:
  BenchTap(std::string name, int index) : name_(std::move(name)), index_(index) {}

  std::string name_;
  int index_;
};

}  // namespace mayfly::bench
