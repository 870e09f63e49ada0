#include "api/testing/http_get.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <string_view>

#include "base/owned_fd.h"

namespace mayfly::api::testing {
namespace {

constexpr std::string_view kLoopback = "http://127.0.0.1:";

}  // namespace

std::string HttpGet(const std::string& url) {
  if (!url.starts_with(kLoopback)) return "";
  char* path = nullptr;
  const unsigned long port = std::strtoul(url.c_str() + kLoopback.size(), &path, 10);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<in_port_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const OwnedFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return "";
  }
  const std::string request = std::string("GET ") + path + " HTTP/1.0\r\n\r\n";
  if (::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return "";
  std::string answer;
  std::array<char, 4096> piece{};
  while (true) {
    const ssize_t length = ::recv(socket.get(), piece.data(), piece.size(), 0);
    if (length <= 0) return answer;
    answer.append(piece.data(), static_cast<size_t>(length));
  }
}

}  // namespace mayfly::api::testing
