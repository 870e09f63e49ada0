#pragma once

#include <bit>
#include <concepts>
#include <limits>
#include <optional>
#include <utility>

namespace mayfly {

// Arithmetic on numbers that somebody else chose: nothing wraps, nothing is cut off.

template <std::unsigned_integral T>
[[nodiscard]] constexpr std::optional<T> CheckedAdd(T a, T b) {
  T sum{};
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

template <std::unsigned_integral T>
[[nodiscard]] constexpr std::optional<T> CheckedMul(T a, T b) {
  T product{};
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

// `value` as a To, where it fits.
template <std::integral To, std::integral From>
[[nodiscard]] constexpr std::optional<To> CheckedCast(From value) {
  if (!std::in_range<To>(value)) return std::nullopt;
  return static_cast<To>(value);
}

// Whether [begin, begin + size) lies within [0, limit).
[[nodiscard]] constexpr bool RangeWithin(unsigned long begin, unsigned long size,
                                         unsigned long limit) {
  return begin <= limit && size <= limit - begin;
}

// `alignment` is a power of two.
template <std::unsigned_integral T>
[[nodiscard]] constexpr T AlignDown(T value, T alignment) {
  return static_cast<T>(value & ~static_cast<T>(alignment - 1));
}

template <std::unsigned_integral T>
[[nodiscard]] constexpr std::optional<T> AlignUp(T value, T alignment) {
  const auto bumped = CheckedAdd<T>(value, static_cast<T>(alignment - 1));
  if (!bumped) return std::nullopt;
  return AlignDown(*bumped, alignment);
}

template <std::unsigned_integral T>
[[nodiscard]] constexpr bool IsAligned(T value, T alignment) {
  return (value & static_cast<T>(alignment - 1)) == 0;
}

}  // namespace mayfly
