#include "api/client/host_resolvers.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "virtio/net/ip_network.h"

namespace mayfly::api {
namespace {

constexpr char kResolvConf[] = "/etc/resolv.conf";
// What systemd-resolved(8) keeps for programs that do not ask it.
constexpr char kUpstreamResolvConf[] = "/run/systemd/resolve/resolv.conf";

[[nodiscard]] std::string ReadAll(const char* path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

[[nodiscard]] bool IsLoopback(const std::string& address) {
  const auto parsed = virtio::IpAddress::Parse(address);
  const auto v4 = virtio::IpNetwork::Parse("127.0.0.0/8");
  const auto v6 = virtio::IpNetwork::Parse("::1");
  return parsed.ok() && (v4->Contains(*parsed) || v6->Contains(*parsed));
}

}  // namespace

std::vector<std::string> ParseResolvers(std::string_view resolv_conf) {
  std::vector<std::string> resolvers;
  std::istringstream lines{std::string(resolv_conf)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string keyword;
    std::string address;
    words >> keyword >> address;
    if (keyword == "nameserver" && virtio::IpAddress::Parse(address).ok()) {
      resolvers.push_back(address);
    }
  }
  return resolvers;
}

std::vector<std::string> ResolversBehindLoopback() {
  const std::vector<std::string> own = ParseResolvers(ReadAll(kResolvConf));
  if (std::none_of(own.begin(), own.end(), IsLoopback)) return {};
  std::vector<std::string> upstream = ParseResolvers(ReadAll(kUpstreamResolvConf));
  std::erase_if(upstream, IsLoopback);
  return upstream;
}

}  // namespace mayfly::api
