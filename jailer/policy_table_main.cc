// Prints what stands between the marks of docs/security.md:
//   bazel run //jailer:policy_table

#include <cstdio>

#include "jailer/policy_table.h"

int main() { return std::fputs(mayfly::jailer::PolicyTable().c_str(), stdout) < 0 ? 1 : 0; }
