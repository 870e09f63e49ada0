#include "jailer/testing/prisoner.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/pipe.h"
#include "gtest/gtest.h"

namespace mayfly::jailer {

Prisoner::Prisoner(const Jail& jail, const std::string& program,
                   const std::vector<std::string>& arguments) {
  const OwnedFd file(::open(program.c_str(), O_PATH | O_CLOEXEC));
  EXPECT_TRUE(file.valid()) << "the test is run from the runfiles' root";
  Pipe in = Pipe::Make().value();
  Pipe out = Pipe::Make().value();
  hold_ = std::move(in.writer);
  said_ = std::move(out.reader);
  SpawnOptions options;
  options.program = file.get();
  options.arguments = {program};
  options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
  options.fds = {{.source = in.reader.get(), .target = STDIN_FILENO},
                 {.source = out.writer.get(), .target = STDOUT_FILENO}};
  options.jail = &jail;
  absl::StatusOr<ChildProcess> child = Spawn(options);
  EXPECT_TRUE(child.ok()) << child.status();
  if (!child.ok()) return;
  child_.emplace(*std::move(child));
  out.writer.Reset();
  Listen();
}

Prisoner::~Prisoner() {
  hold_.Reset();
  if (child_) {
    EXPECT_EQ(child_->Wait().value().exit_code, 0);
  }
}

std::string Prisoner::Namespace(const std::string& kind) const {
  return std::filesystem::read_symlink(Proc("ns/" + kind));
}

std::string Prisoner::Read(const std::string& name) const {
  std::ifstream file(Proc(name));
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string Prisoner::Proc(const std::string& name) const {
  return "/proc/" + std::to_string(pid()) + "/" + name;
}

void Prisoner::Listen() {
  std::string text;
  std::array<char, 512> chunk{};
  while (!text.ends_with("\n.\n")) {
    const ssize_t got = ::read(said_.get(), chunk.data(), chunk.size());
    if (got <= 0) break;
    text.append(chunk.data(), static_cast<size_t>(got));
  }
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    const std::string line = text.substr(begin, end - begin);
    if (const size_t sign = line.find('='); sign != std::string::npos) {
      told_[line.substr(0, sign)] = line.substr(sign + 1);
    }
    begin = end == std::string::npos ? text.size() : end + 1;
  }
}

}  // namespace mayfly::jailer
