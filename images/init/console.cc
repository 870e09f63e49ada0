#include "images/init/console.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

#include "images/init/files.h"

namespace mayfly::init {

void OpenConsole() {
  if (fcntl(STDERR_FILENO, F_GETFD) >= 0) return;
  const int console = open("/dev/console", O_RDWR | O_NOCTTY);
  if (console < 0) return;  // there is nobody to tell
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (console != standard) dup2(console, standard);
  }
  if (console > STDERR_FILENO) close(console);
}

void TakeTerminal() {
  setsid();
  // Once the command is in the foreground we are not, and would be refused to wait for the
  // terminal.
  std::signal(SIGTTOU, SIG_IGN);
  // /dev/console itself cannot control a session. Of several consoles it is the last one named.
  std::string name = ReadFile("/sys/class/tty/console/active");
  while (!name.empty() && name.back() == '\n') name.pop_back();
  const std::string path = "/dev/" + name.substr(name.rfind(' ') + 1);
  const int terminal = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (terminal < 0) return;  // the console will do
  if (ioctl(terminal, TIOCSCTTY, 0) == 0) {
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
      dup2(terminal, standard);
  }
  close(terminal);
}

void Say(std::string_view message) {
  const std::string line = "mayfly-init: " + std::string(message) + "\n";
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = write(STDERR_FILENO, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

void SayError(std::string_view message) {
  const char* reason = std::strerror(errno);
  Say(std::string(message) + ": " + reason);
}

void DrainConsole() { tcdrain(STDERR_FILENO); }

}  // namespace mayfly::init
