// A mayfly-vmm one of whose threads, of the role HIJACKED, has been taken over: under its filter it
// opens a file, as the one that took it over would to begin with.

#include <fcntl.h>

#include <charconv>
#include <memory>
#include <string_view>

#include "api/server/confinement.h"
#include "api/server/serve_vm.h"
#include "base/timeline.h"

int main(int argc, char** argv) {
  using namespace mayfly;
  int socket = -1;
  const std::string_view number = argc == 3 ? argv[2] : "";
  std::from_chars(number.data(), number.data() + number.size(), socket);
  if (!api::ConfineProcess().ok()) return 1;
  api::ServeVm(socket, std::make_shared<Timeline>(), [](vmm::ThreadRole role) {
    const absl::Status filtered = api::FilterThread(role);
    if (filtered.ok() && role == vmm::ThreadRole::HIJACKED) (void)::open("/etc/passwd", O_RDONLY);
    return filtered;
  });
}
