// Prints filters.cc, the code behind filters.h: each thread's policy as a BPF program, and the
// names of system calls.

#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <linux/filter.h>

#include "base/owned_fd.h"
#include "jailer/policies/policies.h"

namespace mayfly::jailer {
namespace {

// Behind the last one that any kernel has, or will have for a while.
constexpr int kNumberLimit = 1024;
// Of SCMP_FLTATR_CTL_OPTIMIZE: a binary tree of the numbers, rather than one after the other.
constexpr uint32_t kBinaryTree = 2;
constexpr const char* kNoName = "";

// `result`: 0 or a negative errno value, as libseccomp answers.
void Require(int result, const std::string& what) {
  if (result == 0) return;
  std::fprintf(stderr, "policy_compiler: %s: %s\n", what.c_str(), std::strerror(-result));
  std::exit(EXIT_FAILURE);
}

using Filter = std::unique_ptr<void, decltype([](void* filter) { ::seccomp_release(filter); })>;

Filter NewFilter() {
  Filter filter(::seccomp_init(SCMP_ACT_TRAP));
  if (filter == nullptr) Require(-ENOMEM, "seccomp_init");
  if (::seccomp_arch_exist(filter.get(), SCMP_ARCH_X86_64) != 0) {
    Require(::seccomp_arch_remove(filter.get(), SCMP_ARCH_NATIVE), "seccomp_arch_remove");
    Require(::seccomp_arch_add(filter.get(), SCMP_ARCH_X86_64), "seccomp_arch_add");
  }
  Require(::seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS),
          "SCMP_FLTATR_ACT_BADARCH");
  Require(::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, kBinaryTree),
          "SCMP_FLTATR_CTL_OPTIMIZE");
  return filter;
}

void Add(const Filter& filter, const Rule& rule) {
  std::vector<scmp_arg_cmp> comparisons;
  for (const Condition& condition : rule.conditions) {
    if (condition.mask == 0) continue;
    comparisons.push_back({.arg = condition.argument,
                           .op = SCMP_CMP_MASKED_EQ,
                           .datum_a = condition.mask,
                           .datum_b = condition.value});
  }
  const uint32_t action = rule.answer == Answer::kDo ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(0);
  Require(::seccomp_rule_add_array(filter.get(), action, rule.system_call,
                                   static_cast<unsigned>(comparisons.size()), comparisons.data()),
          std::string("the rule \"") + rule.reason + "\"");
}

std::vector<sock_filter> Compile(std::span<const Rule> policy) {
  const Filter filter = NewFilter();
  for (const Rule& rule : policy) Add(filter, rule);
  const OwnedFd file(::memfd_create("filter", MFD_CLOEXEC));
  Require(::seccomp_export_bpf(filter.get(), file.get()), "seccomp_export_bpf");
  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  std::vector<sock_filter> program(static_cast<size_t>(size) / sizeof(sock_filter));
  if (::pread(file.get(), program.data(), static_cast<size_t>(size), 0) != size) {
    Require(-EIO, "reading the compiled filter");
  }
  return program;
}

void PrintFilter(ThreadKind thread) {
  const std::vector<sock_filter> program = Compile(PolicyOf(thread));
  std::printf("constexpr std::array<sock_filter, %zu> k_%s = {{\n", program.size(),
              ThreadName(thread));
  for (const sock_filter& step : program) {
    std::printf("    {%u, %u, %u, %uU},\n", step.code, step.jt, step.jf, step.k);
  }
  std::printf("}};\n\n");
}

std::string NameOf(int number) {
  const std::unique_ptr<char, decltype([](char* name) { std::free(name); })> name(
      ::seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, number));
  return name != nullptr ? name.get() : kNoName;
}

// One after the other, each with its zero: half the size of a table of pointers to them, and
// nothing to relocate.
void PrintNames() {
  std::vector<std::string> names;
  size_t known = 0;
  for (int number = 0; number < kNumberLimit; ++number) {
    names.push_back(NameOf(number));
    if (!names.back().empty()) known = names.size();
  }
  names.resize(known);
  std::printf("constexpr const char kNames[] =\n");
  for (const std::string& name : names) std::printf("    \"%s\\0\"\n", name.c_str());
  std::printf("    ;\n\n");
}

void PrintAll() {
  std::printf(
      "// Made from jailer/policies/ by jailer/policy_compiler.cc.\n\n"
      "#include <array>\n\n"
      "#include \"jailer/filters.h\"\n\n"
      "namespace mayfly::jailer {\n"
      "namespace {\n\n");
  for (const ThreadKind thread : kThreadKinds) PrintFilter(thread);
  PrintNames();
  std::printf(
      "}  // namespace\n\n"
      "std::span<const sock_filter> FilterOf(ThreadKind thread) {\n"
      "  constexpr std::array<std::span<const sock_filter>, %zu> kFilters = {",
      kThreadKinds.size());
  for (const ThreadKind thread : kThreadKinds) std::printf("k_%s, ", ThreadName(thread));
  std::printf(
      "};\n"
      "  return kFilters[static_cast<size_t>(thread)];\n"
      "}\n\n"
      "std::string_view SystemCallName(int number) {\n"
      "  std::string_view names(kNames, sizeof kNames - 1);\n"
      "  for (; number > 0 && !names.empty(); --number) {\n"
      "    names.remove_prefix(names.find('\\0') + 1);\n"
      "  }\n"
      "  const std::string_view name = names.substr(0, names.find('\\0'));\n"
      "  return number != 0 || name.empty() ? \"unknown\" : name;\n"
      "}\n\n"
      "}  // namespace mayfly::jailer\n");
}

}  // namespace
}  // namespace mayfly::jailer

int main() {
  mayfly::jailer::PrintAll();
  return std::fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
