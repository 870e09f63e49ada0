#include "virtio/net/net_features.h"

#include <array>

namespace mayfly::virtio {
namespace {

struct Need {
  uint64_t feature;
  uint64_t any_of;
};

// 5.1.3.1. What others need comes before what needs it.
constexpr std::array kNeeds = {
    Need{kNetFeatureGuestTso4, kNetFeatureGuestChecksum},
    Need{kNetFeatureGuestTso6, kNetFeatureGuestChecksum},
    Need{kNetFeatureGuestUso4, kNetFeatureGuestChecksum},
    Need{kNetFeatureGuestUso6, kNetFeatureGuestChecksum},
    Need{kNetFeatureGuestEcn, kNetFeatureGuestTso4 | kNetFeatureGuestTso6},
    Need{kNetFeatureHostTso4, kNetFeatureChecksum},
    Need{kNetFeatureHostTso6, kNetFeatureChecksum},
    Need{kNetFeatureHostUso, kNetFeatureChecksum},
    Need{kNetFeatureHostEcn, kNetFeatureHostTso4 | kNetFeatureHostTso6},
    Need{kNetFeatureMultiqueue, kNetFeatureControlQueue},
};

}  // namespace

uint64_t WithoutUnmetNetFeatures(uint64_t features) {
  for (const Need& need : kNeeds) {
    if ((features & need.any_of) == 0) features &= ~need.feature;
  }
  return features;
}

}  // namespace mayfly::virtio
