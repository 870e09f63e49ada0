#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mayfly::api {

// The addresses behind "nameserver" in a resolv.conf(5), IPv4 and IPv6, without interface names.
[[nodiscard]] std::vector<std::string> ParseResolvers(std::string_view resolv_conf);

// Name servers for a guest that cannot reach the host's loopback, where the host itself asks one
// there: those that systemd-resolved asks in turn. Empty where /etc/resolv.conf is good for guests,
// too, or nothing better is known.
[[nodiscard]] std::vector<std::string> ResolversBehindLoopback();

}  // namespace mayfly::api
