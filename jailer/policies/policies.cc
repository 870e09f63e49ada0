#include "jailer/policies/policies.h"

namespace mayfly::jailer {

std::span<const Rule> PolicyOf(ThreadKind thread) {
  switch (thread) {
    case ThreadKind::kApi:
      return ApiPolicy();
    case ThreadKind::kIo:
      return IoPolicy();
    case ThreadKind::kVcpu:
      return VcpuPolicy();
  }
  return {};
}

}  // namespace mayfly::jailer
