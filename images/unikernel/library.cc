// What compilers and the headers of the standard library expect to be linked against.

// The names are given.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)

#include <cstddef>
#include <cstdint>

#include "images/unikernel/power.h"

using mayfly::guest::Panic;

// One instruction each: fast on every CPU of this decade (ERMS), short, and nothing that a compiler
// could turn into a call to itself.
extern "C" {

void* memcpy(void* target, const void* source, size_t count) {
  void* at = target;
  asm volatile("rep movsb" : "+D"(at), "+S"(source), "+c"(count) : : "memory");
  return target;
}

void* memset(void* target, int value, size_t count) {
  void* at = target;
  asm volatile("rep stosb" : "+D"(at), "+c"(count) : "a"(value) : "memory");
  return target;
}

void* memmove(void* target, const void* source, size_t count) {
  if (reinterpret_cast<uintptr_t>(target) - reinterpret_cast<uintptr_t>(source) >= count) {
    return memcpy(target, source, count);
  }
  if (count == 0) return target;
  auto* to = static_cast<std::byte*>(target) + count - 1;
  const auto* from = static_cast<const std::byte*>(source) + count - 1;
  asm volatile("std\n\trep movsb\n\tcld" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
  return target;
}

int memcmp(const void* left, const void* right, size_t count) {
  const auto* a = static_cast<const unsigned char*>(left);
  const auto* b = static_cast<const unsigned char*>(right);
  for (; count > 0; --count, ++a, ++b) {
    if (*a != *b) return *a - *b;
  }
  return 0;
}

// What Clang makes of memcmp() where only equality matters.
int bcmp(const void* left, const void* right, size_t count);
int bcmp(const void* left, const void* right, size_t count) { return memcmp(left, right, count); }

void* memchr(const void* memory, int value, size_t count) {
  auto* at = static_cast<unsigned char*>(const_cast<void*>(memory));
  for (; count > 0; --count, ++at) {
    if (*at == static_cast<unsigned char>(value)) return at;
  }
  return nullptr;
}

size_t strlen(const char* text) {
  size_t length = 0;
  while (text[length] != '\0') {
    ++length;
    asm volatile("");  // or the loop would be turned into a call of strlen()
  }
  return length;
}

// Destructors of static objects do not run: the machine ends instead.
void* __dso_handle = nullptr;
int __cxa_atexit(void (*destructor)(void*), void* object, void* module);
int __cxa_atexit(void (* /*destructor*/)(void*), void* /*object*/, void* /*module*/) { return 0; }

[[noreturn]] void __cxa_pure_virtual();
void __cxa_pure_virtual() { Panic("guest panic: pure virtual function called"); }
[[noreturn]] void abort() { Panic("guest panic: abort"); }

}  // extern "C"

// There are no exceptions: what the standard library would throw is a panic.
namespace std {

void __throw_length_error(const char* what) { Panic(what); }
void __throw_out_of_range(const char* what) { Panic(what); }
void __throw_out_of_range_fmt(const char* what, ...) { Panic(what); }
void __throw_logic_error(const char* what) { Panic(what); }
void __throw_invalid_argument(const char* what) { Panic(what); }
void __throw_system_error(int /*error*/) { Panic("system error"); }
void __throw_bad_alloc() { Panic("out of memory"); }
void __throw_bad_array_new_length() { Panic("array too long"); }
[[noreturn]] void __throw_bad_optional_access();
void __throw_bad_optional_access() { Panic("empty optional"); }
void __throw_bad_function_call() { Panic("empty function"); }

}  // namespace std

// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
