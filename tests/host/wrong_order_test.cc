// Calls on mayflyd's VMs in orders that nobody means, and launches with files that are none of what
// they should be: each is answered, with an error that says what was wrong where something was, and
// no other VM notices.

#include <fcntl.h>

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "api/codec/fd_file.h"
#include "api/testing/machine_calls.h"
#include "api/testing/wrong_files.h"
#include "tests/host/host_test.h"

namespace mayfly::testing {
namespace {

using api::testing::FilePlace;
using api::testing::FilePlaces;
using api::testing::MachineCall;
using api::testing::MachineCalls;
using api::testing::OpenSmallDisk;
using api::testing::WrongFile;
using api::testing::WrongFiles;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using Code = absl::StatusCode;

constexpr char kName[] = "vm";
constexpr char kOthersName[] = "other";

class WrongOrderTest : public HostTest {
 protected:
  // KJ's destructors may throw, GoogleTest's may not.
  ~WrongOrderTest() noexcept override = default;

  void SetUp() override {
    HostTest::SetUp();
    if (IsSkipped()) return;
    StartDaemon();
    client_ = Connect();
    onlooker_ = Connect();
    auto request = SmallLaunchRequest(*onlooker_, "halt");
    request.setName(kOthersName);
    other_ = request.send().wait(io_.waitScope).getMachine();
    others_process_ = InfoOf(kOthersName).getPid();
  }
  // The other VM has noticed nothing, and nothing but it is left.
  void ExpectOnlyTheOther() {
    EXPECT_EQ(InfoOf(kOthersName).getState(), rpc::MachineState::RUNNING);
    EXPECT_EQ(InfoOf(kOthersName).getPid(), others_process_);
    EXPECT_EQ(ErrorOf(other_->statsRequest().send()), absl::OkStatus());
    client_ = nullptr;
    AwaitTaken(*onlooker_, 1);
    other_.reset();
    AwaitCount(*onlooker_, 0);
    onlooker_ = nullptr;
    StopDaemon();
  }
  [[nodiscard]] rpc::MachineInfo::Reader InfoOf(const std::string& name) {
    auto request = onlooker_->host().inspectRequest();
    request.setName(name.c_str());
    info_.emplace(request.send().wait(io_.waitScope));
    return info_->getInfo();
  }
  // A launch of a VM with a disk.
  [[nodiscard]] auto Request() {
    auto request = SmallLaunchRequest(*client_, "halt");
    request.setName(kName);
    auto image = request.getSpec().initDisks(1)[0].initImage();
    image.setFile(kj::heap<api::FdFile>(OpenSmallDisk(O_RDWR)));
    return request;
  }
  // With those that are the host's own.
  [[nodiscard]] std::vector<MachineCall> HostCalls(std::string& screen) {
    std::vector<MachineCall> calls = MachineCalls(screen);
    calls.push_back({"detach", [](rpc::Machine::Client vm) {
                       auto request = vm.detachRequest();
                       request.setName("kept");
                       return request.send().ignoreResult();
                     }});
    calls.push_back({"detach without a name", [](rpc::Machine::Client vm) {
                       return vm.detachRequest().send().ignoreResult();
                     }});
    calls.push_back({"detach by another's name", [](rpc::Machine::Client vm) {
                       auto request = vm.detachRequest();
                       request.setName(kOthersName);
                       return request.send().ignoreResult();
                     }});
    calls.push_back({"get, and start", [this](auto) {
                       auto request = client_->host().getRequest();
                       request.setName(kName);
                       return request.send().getMachine().startRequest().send().ignoreResult();
                     }});
    calls.push_back({"inspect", [this](auto) {
                       auto request = client_->host().inspectRequest();
                       request.setName(kName);
                       return request.send().ignoreResult();
                     }});
    calls.push_back({"a second launch", [this](auto) { return Request().send().ignoreResult(); }});
    calls.push_back({"events of the host without a listener", [this](auto) {
                       return client_->host().eventsRequest().send().ignoreResult();
                     }});
    calls.push_back(
        {"list", [this](auto) { return client_->host().listRequest().send().ignoreResult(); }});
    return calls;
  }

  kj::Own<api::HostConnection> client_;

 private:
  kj::Own<api::HostConnection> onlooker_;
  std::optional<rpc::Machine::Client> other_;
  uint32_t others_process_ = 0;
  std::optional<capnp::Response<rpc::Host::InspectResults>> info_;
};

TEST_F(WrongOrderTest, AVmIsStartedOnceAndListedAsWhatItIs) {
  using State = rpc::MachineState;
  auto request = Request();
  request.setStart(false);
  auto machine = request.send().wait(io_.waitScope).getMachine();
  const auto start = [&] { return ErrorOf(machine.startRequest().send()).code(); };
  const auto pause = [&] { return ErrorOf(machine.pauseRequest().send()).code(); };
  const auto resume = [&] { return ErrorOf(machine.resumeRequest().send()).code(); };
  const auto state = [&] { return InfoOf(kName).getState(); };

  EXPECT_EQ(state(), State::CREATED);
  EXPECT_EQ(pause(), Code::kFailedPrecondition);
  EXPECT_EQ(resume(), Code::kFailedPrecondition);
  EXPECT_EQ(state(), State::CREATED);
  EXPECT_EQ(start(), Code::kOk);
  EXPECT_EQ(state(), State::RUNNING);
  EXPECT_EQ(pause(), Code::kOk);
  EXPECT_EQ(start(), Code::kFailedPrecondition);
  EXPECT_EQ(state(), State::PAUSED);
  EXPECT_EQ(pause(), Code::kOk);
  EXPECT_EQ(state(), State::PAUSED);
  EXPECT_EQ(resume(), Code::kOk);
  EXPECT_EQ(resume(), Code::kOk);
  EXPECT_EQ(state(), State::RUNNING);
  EXPECT_EQ(ErrorOf(machine.killRequest().send()), absl::OkStatus());
  (void)machine.waitRequest().send().wait(io_.waitScope);
  EXPECT_EQ(start(), Code::kFailedPrecondition);
  EXPECT_EQ(pause(), Code::kFailedPrecondition);
  EXPECT_EQ(resume(), Code::kFailedPrecondition);
  EXPECT_EQ(state(), State::ENDED);
  ExpectOnlyTheOther();
}

TEST_F(WrongOrderTest, CallsInAnyOrderAreAnswered) {
  constexpr unsigned kRounds = 30;
  constexpr unsigned kCallsEach = 25;
  std::string screen;
  const std::vector<MachineCall> calls = HostCalls(screen);
  std::minstd_rand random(1);  // the same each time
  for (unsigned round = 0; round < kRounds; ++round) {
    auto request = Request();
    request.setStart(round % 2 == 0);
    auto machine = request.send().wait(io_.waitScope).getMachine();
    std::vector<capnp::RemotePromise<rpc::Machine::WaitResults>> waits;
    std::string history;
    for (unsigned at = 0; at < kCallsEach; ++at) {
      if (random() % 8 == 0) waits.push_back(machine.waitRequest().send());
      const MachineCall& call = calls.at(random() % calls.size());
      const absl::Status status = ErrorOf(call.make(machine));
      history += std::string(call.name) + ": " + status.ToString() + "\n";
      EXPECT_THAT(status.code(),
                  AnyOf(Code::kOk, Code::kInvalidArgument, Code::kNotFound,
                        Code::kFailedPrecondition, Code::kPermissionDenied, Code::kAlreadyExists))
          << history;
    }
    // However it went, it can be ended, all who wait are told the same, and nothing of it is left.
    EXPECT_EQ(ErrorOf(machine.killRequest().send()), absl::OkStatus()) << history;
    waits.push_back(machine.waitRequest().send());
    for (auto& wait : waits) {
      EXPECT_EQ(wait.wait(io_.waitScope).getStatus().getReason(), rpc::ExitReason::KILLED)
          << history;
    }
    EXPECT_EQ(ErrorOf(machine.attachRequest().send()), absl::OkStatus()) << history;
    waits.clear();
    machine = nullptr;
    AwaitCount(*client_, 1);
  }
  ExpectOnlyTheOther();
}

TEST_F(WrongOrderTest, AWrongFileIsAnErrorThatNamesItsField) {
  for (const WrongFile& wrong : WrongFiles()) {
    for (const FilePlace& place : FilePlaces()) {
      auto request = Request();
      place.put(request.getSpec(), wrong.make());
      const absl::Status status = ErrorOf(request.send());
      EXPECT_FALSE(status.ok()) << wrong.what << " as " << place.field;
      EXPECT_NE(status.code(), Code::kUnknown) << status;
      EXPECT_THAT(absl::AsciiStrToLower(status.message()),
                  AnyOf(HasSubstr(place.field), HasSubstr(place.name)))
          << wrong.what;
    }
  }
  EXPECT_EQ(ErrorOf(Request().send()), absl::OkStatus());
  ExpectOnlyTheOther();
}

}  // namespace
}  // namespace mayfly::testing
