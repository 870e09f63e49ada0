#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace mayfly::jailer {

// What limits a resource.
enum class Controller : uint8_t { kCpu, kCpuset, kIo, kMemory, kPids };

inline constexpr std::array kControllers = {Controller::kCpu, Controller::kCpuset, Controller::kIo,
                                            Controller::kMemory, Controller::kPids};

// The two interfaces of the kernel: a tree of directories for each controller, or one for all.
enum class CgroupVersion : uint8_t { kV1, kV2 };

// As the kernel spells it.
[[nodiscard]] constexpr std::string_view NameOf(Controller controller, CgroupVersion version) {
  switch (controller) {
    case Controller::kCpu:
      return "cpu";
    case Controller::kCpuset:
      return "cpuset";
    case Controller::kIo:
      return version == CgroupVersion::kV1 ? "blkio" : "io";
    case Controller::kMemory:
      return "memory";
    case Controller::kPids:
      return "pids";
  }
  return "";
}

class ControllerSet final {
 public:
  constexpr ControllerSet() = default;

  constexpr void Add(Controller controller) { bits_ |= Bit(controller); }
  constexpr void Add(ControllerSet others) { bits_ |= others.bits_; }
  [[nodiscard]] constexpr bool HasAll(ControllerSet others) const {
    return (others.bits_ & ~bits_) == 0;
  }
  [[nodiscard]] constexpr bool Has(Controller controller) const {
    return (bits_ & Bit(controller)) != 0;
  }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  [[nodiscard]] constexpr bool operator==(const ControllerSet&) const = default;

 private:
  [[nodiscard]] static constexpr unsigned Bit(Controller controller) {
    return 1U << static_cast<unsigned>(controller);
  }
  unsigned bits_ = 0;
};

}  // namespace mayfly::jailer
