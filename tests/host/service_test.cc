// mayflyd as systemd runs it: the test is the service manager, and Prometheus.

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <string>

#include "api/testing/http_get.h"
#include "base/owned_fd.h"
#include "base/unix_address.h"
#include "tests/host/host_test.h"

namespace mayfly::testing {
namespace {

using api::testing::HttpGet;
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
  // Until it says that it is ready.
  void StartService() {
    StartDaemon({"--config", config_}, [this](Command& service) {
      service.Environment("NOTIFY_SOCKET=" + Path("notify"));
      service.Environment("LISTEN_FDS=1");
      service.Prepare([this, &service] {
        service.Environment("LISTEN_PID=" + std::to_string(::getpid()));
        ::dup2(listening_.get(), kGivenSocket);
        ::fcntl(kGivenSocket, F_SETFD, 0);
      });
    });
    const std::string notice = Notice();
    ASSERT_THAT(notice, StartsWith("READY=1\n"));
    ASSERT_THAT(notice, HasSubstr("http://"));
    metrics_ = notice.substr(notice.find("http://"));
  }
  void StopService() {
    daemon().Signal(SIGTERM);
    EXPECT_EQ(Notice(), "STOPPING=1");
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

 private:
  [[nodiscard]] static OwnedFd Bind(const std::string& path, int type) {
    OwnedFd bound(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    const auto address = UnixAddress::At(path);
    EXPECT_EQ(::bind(bound.get(), address->get(), address->size()), 0) << path;
    return bound;
  }
  [[nodiscard]] std::string Notice() const {
    std::array<char, 4096> text{};
    const ssize_t length = ::recv(notices_.get(), text.data(), text.size(), 0);
    return {text.data(), length < 0 ? 0 : static_cast<size_t>(length)};
  }

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

TEST_F(ServiceTest, MetricsThatNobodyCanHaveAreAnErrorAtTheStart) {
  const std::string config = MakeFile("bad.json", R"({"metrics": "localhost"})");
  const CommandResult result = Mayflyd({"--config", config}).Run();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("metrics: \"localhost\" is no address"));
}

}  // namespace
}  // namespace mayfly::testing
