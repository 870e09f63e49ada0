// An opener that waits for a file for ever, as a file system can make it.

#include <unistd.h>

int main() {
  while (true) ::pause();
}
