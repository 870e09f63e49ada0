// Completion in the shells themselves, on a terminal, and the manual pages by their formatters.

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/owned_fd.h"
#include "tests/cli/cli_test.h"

namespace mayfly::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::chrono::seconds kPatience{40};
constexpr int kStep = 1000;  // milliseconds

// A shell that believes somebody types.
class TypedShell final {
 public:
  TypedShell(std::vector<std::string> argv, const std::string& directory) {
    const std::string path = "PATH=" + std::filesystem::current_path().string() + ":/usr/bin:/bin";
    const std::string home = "HOME=" + directory;
    int terminal = -1;
    pid_ = ::forkpty(&terminal, nullptr, nullptr, nullptr);
    if (pid_ == 0) {
      std::vector<char*> words;
      for (std::string& word : argv) words.push_back(word.data());
      words.push_back(nullptr);
      std::string term = "TERM=vt100";
      std::string no_inputrc = "INPUTRC=/dev/null";
      std::string path_copy = path;
      std::string home_copy = home;
      char* environment[] = {path_copy.data(), home_copy.data(), term.data(), no_inputrc.data(),
                             nullptr};
      if (::chdir(directory.c_str()) == 0) ::execve(words[0], words.data(), environment);
      ::_exit(127);
    }
    terminal_ = OwnedFd(terminal);
  }
  TypedShell(const TypedShell&) = delete;
  TypedShell& operator=(const TypedShell&) = delete;
  ~TypedShell() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  void Type(const std::string& keys) const {
    ASSERT_EQ(::write(terminal_.get(), keys.data(), keys.size()),
              static_cast<ssize_t>(keys.size()));
  }
  // Fails the test where `text` does not come in time.
  void Await(const std::string& text) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    std::array<char, 4096> buffer{};
    while (screen_.find(text) == std::string::npos) {
      pollfd readable{.fd = terminal_.get(), .events = POLLIN, .revents = 0};
      (void)::poll(&readable, 1, kStep);
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "no " << text << " in " << screen_;
      if (readable.revents == 0) continue;
      const ssize_t got = ::read(terminal_.get(), buffer.data(), buffer.size());
      ASSERT_GT(got, 0) << "no " << text << " in " << screen_;
      screen_.append(buffer.data(), static_cast<size_t>(got));
    }
    screen_.clear();
  }
  // Completes `typed`, and has the shell say what the line has become.
  void ExpectCompletion(const std::string& typed, const std::string& line) {
    SCOPED_TRACE(typed);
    constexpr char kToBeginning[] = "\x01";
    Type(typed + "\t" + kToBeginning + "echo '<' \n");
    // Where a blank comes behind the word, echo leaves it out.
    Await("< " + line + "\r");
  }

 private:
  pid_t pid_ = -1;
  OwnedFd terminal_;
  std::string screen_;
};

class ShellsTest : public CliTest {
 protected:
  void TestCompletion(TypedShell& shell) {
    ASSERT_THAT(MakeFile("kernel.elf", ""), Not(IsEmpty()));
    shell.Type("echo rea''dy\n");
    shell.Await("ready\r");
    shell.ExpectCompletion("mayfly doc", "mayfly doctor");
    shell.ExpectCompletion("mayfly run --init", "mayfly run --initrd");
    shell.ExpectCompletion("mayfly run --kernel ker", "mayfly run --kernel kernel.elf");
    shell.ExpectCompletion("mayfly run --kernel=ker", "mayfly run --kernel=kernel.elf");
    shell.ExpectCompletion("mayfly run --boot=l", "mayfly run --boot=linux64");
    shell.ExpectCompletion("mayfly run --disk a.img,over", "mayfly run --disk a.img,overlay=");
    shell.ExpectCompletion("mayfly run --disk=a.img,overlay=m",
                           "mayfly run --disk=a.img,overlay=memory");
    shell.ExpectCompletion("mayfly run --disk a.img,overlay=ke",
                           "mayfly run --disk a.img,overlay=kernel.elf");
  }
};

TEST_F(ShellsTest, Bash) {
  TypedShell shell({"/bin/bash", "--norc", "--noprofile", "-i"}, Path(""));
  shell.Type("PS1=; source <(mayfly completion bash)\n");
  TestCompletion(shell);
}

TEST_F(ShellsTest, Zsh) {
  TypedShell shell({"/usr/bin/zsh", "-f", "-i"}, Path(""));
  shell.Type("PS1= RPS1=; unsetopt promptsp; bindkey -e; autoload -U compinit; compinit -u -D\n");
  shell.Type("source <(mayfly completion zsh)\n");
  TestCompletion(shell);
}

TEST_F(ShellsTest, Fish) {
  ASSERT_THAT(MakeFile("kernel.elf", ""), Not(IsEmpty()));
  const std::string programs = std::filesystem::current_path();
  const auto complete = [&](const std::string& line) {
    Command fish({"/usr/bin/fish", "--no-config", "-c",
                  "mayfly completion fish | source; complete -C '" + line + "'"},
                 {"HOME=" + Path("home"), "PATH=" + programs + ":/usr/bin:/bin"}, Path(""));
    const CommandResult result = fish.Run();
    EXPECT_THAT(result.err, IsEmpty());
    return result.out;
  };
  EXPECT_THAT(complete("mayfly doc"), HasSubstr("doctor\tsay what"));
  EXPECT_THAT(complete("mayfly run --init"), HasSubstr("--initrd\t"));
  EXPECT_EQ(complete("mayfly run --kernel ker"), "kernel.elf\n");
  EXPECT_EQ(complete("mayfly run --kernel=ker"), "--kernel=kernel.elf\n");
  EXPECT_EQ(complete("mayfly run --boot=l"), "--boot=linux64\n");
  EXPECT_EQ(complete("mayfly run --disk a.img,overlay=m"), "a.img,overlay=memory\n");
  EXPECT_EQ(complete("mayfly run --disk a.img,overlay=ke"), "a.img,overlay=kernel.elf\n");
  std::filesystem::remove_all(Path("home"));
  ASSERT_TRUE(std::filesystem::create_directory(Path("home")));
}

TEST_F(ShellsTest, DocumentHasTheCommandsAsTheProgramTellsThem) {
  std::ifstream file("docs/cli.md");
  std::ostringstream document;
  document << file.rdbuf();
  std::istringstream commands(Mayfly({"complete", "--", ""}).Run().out);
  int count = 0;
  for (std::string line; std::getline(commands, line); ++count) {
    const size_t name = line.find('\t') + 1;
    const size_t summary = line.find('\t', name) + 1;
    EXPECT_THAT(document.str(), HasSubstr("| `" + line.substr(name, summary - name - 1) + "` | " +
                                          line.substr(summary) + " |\n"));
  }
  EXPECT_GT(count, 10);
}

TEST_F(ShellsTest, ManualPagesAreInOrder) {
  std::istringstream commands(Mayfly({"complete", "--", "man", ""}).Run().out);
  std::vector<std::string> pages = {""};
  for (std::string kind, name, rest; commands >> kind >> name && std::getline(commands, rest);) {
    pages.push_back(name);
  }
  EXPECT_GT(pages.size(), 5U);
  for (const std::string& page : pages) {
    SCOPED_TRACE(page);
    const auto checked = [&](const std::string& formatter) {
      const std::string mayfly = std::filesystem::current_path() / "mayfly";
      Command shell({"/bin/sh", "-c", mayfly + " man " + page + " | " + formatter},
                    {"PATH=/usr/bin:/bin"}, Path("work"));
      return shell.Run();
    };
    EXPECT_THAT(checked("mandoc -T lint -W warning").out, IsEmpty());
    const CommandResult groff = checked("groff -ww -man -Tascii");
    EXPECT_THAT(groff.err, IsEmpty());
    EXPECT_THAT(groff.out, HasSubstr("MAYFLY"));
  }
  EXPECT_EQ(Mayfly({"man", "fly"}).Run().exit_code, 2);
  EXPECT_EQ(Mayfly({"completion", "tcsh"}).Run().exit_code, 2);
}

}  // namespace
}  // namespace mayfly::testing
