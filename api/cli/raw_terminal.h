#pragma once

#include <termios.h>

namespace mayfly::cli {

// A terminal whose every key, ^C too, is for the guest, from Enter() until Restore() or the end of
// this object's life. Where `fd` is no terminal, or not ours to use (a background job), nothing is
// done.
class RawTerminal final {
 public:
  explicit RawTerminal(int fd);
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal() { Restore(); }

  // Whether `fd` is a terminal, raw or not.
  [[nodiscard]] bool is_terminal() const { return is_terminal_; }
  // Whether it may be read: no terminal, or ours (a background job that reads its terminal is
  // stopped).
  [[nodiscard]] bool may_read() const;
  // Raw mode; once more after a stop, when the shell has taken it back. Have the signals that would
  // end this process handled first.
  void Enter();
  void Restore();

 private:
  [[nodiscard]] bool is_ours() const;
  void Set(const termios& mode) const;

  int fd_;
  termios before_{};  // ahead of is_terminal_, whose initialiser fills it
  bool is_terminal_;
  bool is_raw_ = false;
};

}  // namespace mayfly::cli
