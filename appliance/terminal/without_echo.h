// A terminal (stdin) that does not show what is typed, while an object of this class lives.
//
//   const WithoutEcho silence(TypedAhead::dropped);      // then the prompt, then the reading
//
// Signals that would end or stop the program are held back meanwhile, so that no shell is left without echo; ^C ends the
// line and arrives as the byte 3 (ISIG off), which the reader has to handle. Does nothing where stdin is no terminal.
// Thread safety: none; the terminal is the process's.
#pragma once

#include <termios.h>
#include <unistd.h>

#include <csignal>

namespace chancery {

// What was typed before the question: a careless person's next command, or an expect script's answer.
enum class TypedAhead { dropped, kept };

class WithoutEcho {
 public:
  explicit WithoutEcho(TypedAhead typed_ahead) : when_(typed_ahead == TypedAhead::dropped ? TCSAFLUSH : TCSADRAIN) {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    sigset_t held;
    sigemptyset(&held);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGQUIT}) sigaddset(&held, number);
    sigprocmask(SIG_BLOCK, &held, &mask_);
    holds_signals_ = true;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
    silent.c_lflag |= ICANON;
    silent.c_cc[VEOL] = 3;
    active_ = ::tcsetattr(STDIN_FILENO, when_, &silent) == 0;
  }
  ~WithoutEcho() {
    if (active_) ::tcsetattr(STDIN_FILENO, when_, &before_);
    if (holds_signals_) sigprocmask(SIG_SETMASK, &mask_, nullptr);
  }
  WithoutEcho(const WithoutEcho&) = delete;
  WithoutEcho& operator=(const WithoutEcho&) = delete;

 private:
  int when_;
  termios before_{};
  sigset_t mask_{};
  bool holds_signals_ = false;
  bool active_ = false;
};

}  // namespace chancery
