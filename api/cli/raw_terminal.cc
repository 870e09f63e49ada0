#include "api/cli/raw_terminal.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>

namespace mayfly::cli {

RawTerminal::RawTerminal(int fd) : fd_(fd), is_terminal_(::tcgetattr(fd, &before_) == 0) {}

bool RawTerminal::is_ours() const {
  const pid_t foreground = ::tcgetpgrp(fd_);
  // ENOTTY: not our session's terminal, so no job of our session competes for it.
  return foreground == ::getpgrp() || (foreground < 0 && errno == ENOTTY);
}

bool RawTerminal::may_read() const { return !is_terminal_ || is_ours(); }

void RawTerminal::Enter() {
  if (!is_terminal_ || !is_ours()) return;
  termios raw = before_;
  ::cfmakeraw(&raw);
  // Output keeps its newline handling: guests without a terminal driver write bare line feeds.
  raw.c_oflag = before_.c_oflag;
  Set(raw);
  is_raw_ = true;
}

void RawTerminal::Restore() {
  if (is_raw_ && is_ours()) Set(before_);
  is_raw_ = false;
}

void RawTerminal::Set(const termios& mode) const {
  // Should the terminal have gone to another job this very moment, we must not be stopped for it.
  sigset_t block;
  sigset_t old;
  ::sigemptyset(&block);
  ::sigaddset(&block, SIGTTOU);
  ::sigprocmask(SIG_BLOCK, &block, &old);
  ::tcsetattr(fd_, TCSANOW, &mode);
  ::sigprocmask(SIG_SETMASK, &old, nullptr);
}

}  // namespace mayfly::cli
