// Names of hosts, for a process that asks nobody for addresses.
//
// kj's event loop can connect to hosts by name, and so brings the C library's resolver with it:
// some 200 KB of code that opens files and sockets, in a process that may do neither. Whoever asks
// is told that there is no such service.

#include <netdb.h>

extern "C" {

int getaddrinfo(const char* /*node*/, const char* /*service*/, const addrinfo* /*hints*/,
                addrinfo** /*result*/) {
  return EAI_FAIL;
}

void freeaddrinfo(addrinfo* /*list*/) {}
}
