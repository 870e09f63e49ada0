// mayflyd as systemd runs it: the test is the service manager, and Prometheus.

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <functional>
#include <string>

#include "api/testing/http_get.h"
#include "base/owned_fd.h"
#include "base/unix_address.h"
#include "tests/host/host_test.h"

namespace mayfly::testing {
namespace {

using api::testing::HttpGet;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// SD_LISTEN_FDS_START.
constexpr int kGivenSocket = 3;
constexpr timeval kPatience = {.tv_sec = 60, .tv_usec = 0};

class ServiceTest : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (IsSkipped()) return;
    listening_ = Bind(socket(), SOCK_STREAM);
    ASSERT_EQ(::listen(listening_.get(), SOMAXCONN), 0);
    notices_ = Bind(Path("notify"), SOCK_DGRAM);
    ASSERT_EQ(::setsockopt(notices_.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience)),
              0);
    config_ = MakeFile("mayflyd.json", R"({"metrics": "127.0.0.1:0"})");
  }
  // Until it says that it is ready. `then` runs in the new process, just before the program.
  void StartService(const std::function<void(Command&)>& then = nullptr) {
    StartDaemon({"--config", config_}, [this, then](Command& service) {
      service.Environment("NOTIFY_SOCKET=" + Path("notify"));
      service.Environment("LISTEN_FDS=1");
      service.Prepare([this, then, &service] {
        service.Environment("LISTEN_PID=" + std::to_string(::getpid()));
        ::dup2(listening_.get(), kGivenSocket);
        ::fcntl(kGivenSocket, F_SETFD, 0);
        if (then) then(service);
      });
    });
    const std::string notice = Receive(notices_);
    ASSERT_THAT(notice, StartsWith("READY=1\n"));
    ASSERT_THAT(notice, HasSubstr("http://"));
    metrics_ = notice.substr(notice.find("http://"));
  }
  void StopService() {
    daemon().Signal(SIGTERM);
    EXPECT_EQ(Receive(notices_), "STOPPING=1");
    const CommandResult result = daemon().Wait();
    EXPECT_EQ(result.exit_code, 0) << result.err;
  }
  [[nodiscard]] std::string Metrics() const { return HttpGet(metrics_); }
  void LaunchDetached(api::HostConnection& client, const std::string& name) {
    auto request = LaunchRequest(client, "echo");
    request.setName(name.c_str());
    request.setDetached(true);
    (void)request.send().wait(io_.waitScope);
  }

  [[nodiscard]] static OwnedFd Bind(const std::string& path, int type) {
    OwnedFd bound(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    const auto address = UnixAddress::At(path);
    EXPECT_EQ(::bind(bound.get(), address->get(), address->size()), 0) << path;
    EXPECT_EQ(::setsockopt(bound.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience)), 0);
    return bound;
  }
  [[nodiscard]] static std::string Receive(const OwnedFd& socket) {
    std::array<char, 4096> text{};
    const ssize_t length = ::recv(socket.get(), text.data(), text.size(), 0);
    return {text.data(), length < 0 ? 0 : static_cast<size_t>(length)};
  }

 private:
  OwnedFd listening_;
  OwnedFd notices_;
  std::string config_;
  std::string metrics_;
};

TEST_F(ServiceTest, ARestartIsSeenByNobodyButTheMetrics) {
  StartService();
  auto client = Connect();
  LaunchDetached(*client, "box");
  (void)ErrorOf(client->host().launchRequest().send());
  const std::string before = Metrics();
  EXPECT_THAT(before, HasSubstr("\nmayfly_vms{state=\"running\"} 1\n"));
  EXPECT_THAT(before, HasSubstr("\nmayfly_launches_total 1\n"));
  EXPECT_THAT(before, HasSubstr("\nmayfly_launch_failures_total{error=\"INVALID_ARGUMENT\"} 1\n"));
  EXPECT_THAT(before, HasSubstr("\nmayfly_connections 1\n"));
  // A VM that lives on is asked how its start went, too.
  const std::string started = "\nmayfly_start_seconds_count{step=\"firstRun\"} 1\n";
  EXPECT_TRUE(Await([&] { return Metrics().find(started) != std::string::npos; })) << Metrics();
  StopService();
  // The socket is the service manager's: who comes meanwhile waits.
  client = Connect();
  auto list = client->host().listRequest().send();
  StartService();
  EXPECT_EQ(list.wait(io_.waitScope).getMachines().size(), 1U);
  const std::string after = Metrics();
  EXPECT_THAT(after, HasSubstr("\nmayfly_vms{state=\"running\"} 1\n"));
  EXPECT_THAT(after, HasSubstr("\nmayfly_launches_total 0\n"));
  Get(*client, "box").attachRequest().send().wait(io_.waitScope);
  AwaitCount(*client, 0);
  EXPECT_THAT(Metrics(), HasSubstr("\nmayfly_exits_total{reason=\"killed\"} 1\n"));
  StopService();
}

TEST_F(ServiceTest, TheJournalIsToldWithFields) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can show a program another journal";
  ASSERT_TRUE(std::filesystem::create_directory(Path("journal")));
  const OwnedFd journal = Bind(Path("journal/socket"), SOCK_DGRAM);
  StartService([this](Command& service) {
    struct stat status {};
    ::fstat(STDERR_FILENO, &status);
    service.Environment("JOURNAL_STREAM=" + std::to_string(status.st_dev) + ":" +
                        std::to_string(status.st_ino));
    ShowJournal(Path("journal"));
  });
  EXPECT_THAT(Receive(journal),
              AllOf(HasSubstr("MESSAGE=listening on " + socket()), HasSubstr("\nPRIORITY=5\n")));
  auto client = Connect();
  LaunchDetached(*client, "box");
  const std::string launched = Receive(journal);
  EXPECT_THAT(launched, HasSubstr("\nPRIORITY=6\n"));
  EXPECT_THAT(launched, HasSubstr("\nMAYFLY_EVENT=launched\n"));
  EXPECT_THAT(launched, HasSubstr("\nMAYFLY_VM=1\n"));
  EXPECT_THAT(launched, HasSubstr("\nMAYFLY_NAME=box\n"));
  EXPECT_THAT(launched, HasSubstr("\nMAYFLY_UID=0\n"));
  Get(*client, "box").attachRequest().send().wait(io_.waitScope);
  AwaitCount(*client, 0);
  EXPECT_THAT(Receive(journal), HasSubstr("\nMAYFLY_EVENT=exited\n"));
  daemon().Signal(SIGTERM);
  EXPECT_THAT(Receive(journal), HasSubstr("MESSAGE=ending, for signal 15\n"));
  EXPECT_EQ(daemon().Wait().err, "");
}

TEST_F(ServiceTest, MetricsThatNobodyCanHaveAreAnErrorAtTheStart) {
  const std::string config = MakeFile("bad.json", R"({"metrics": "localhost"})");
  const CommandResult result = Mayflyd({"--config", config}).Run();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("metrics: \"localhost\" is no address"));
}

}  // namespace
}  // namespace mayfly::testing
