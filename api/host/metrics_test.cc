#include <kj/async-io.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include "api/host/host_metrics.h"
#include "api/host/host_snapshot.h"
#include "api/host/metrics_endpoint.h"
#include "api/testing/http_get.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::HttpGet;
using ::testing::Not;
using namespace std::chrono_literals;

[[nodiscard]] std::string TextOf(const HostSnapshot& snapshot) {
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, MetricsOf(snapshot));
  return "\n" + text.str();
}

TEST(HostMetrics, CountsAreThereByTheNamesOfTheApi) {
  HostSnapshot snapshot;
  snapshot.counters.launches = 7;
  snapshot.counters.CountFailure(absl::ResourceExhaustedError("too many"));
  snapshot.counters.CountExit(vmm::ExitReason::kOutOfMemory);
  snapshot.states.at(static_cast<size_t>(rpc::MachineState::RUNNING)) = 3;
  snapshot.taken = {.machines = 3, .memory_bytes = 4096, .cpus = 5};
  snapshot.most = {.machines = 100};
  snapshot.connections = {.now = 2, .most = 10};
  const std::string text = TextOf(snapshot);
  EXPECT_THAT(text, HasSubstr("\n# TYPE mayfly_vms gauge\n"));
  EXPECT_THAT(text, HasSubstr("\nmayfly_vms{state=\"running\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("\nmayfly_vms{state=\"paused\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("\nmayfly_vms_limit 100\n"));
  EXPECT_THAT(text, HasSubstr("\nmayfly_vm_cpus 5\n"));
  EXPECT_THAT(text, HasSubstr("\nmayfly_vm_memory_committed_bytes 4096\n"));
  EXPECT_THAT(text, HasSubstr("\n# TYPE mayfly_launches_total counter\nmayfly_launches_total 7\n"));
  EXPECT_THAT(text, HasSubstr("\nmayfly_launch_failures_total{error=\"RESOURCE_EXHAUSTED\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\nmayfly_exits_total{reason=\"outOfMemory\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\nmayfly_exits_total{reason=\"status\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("\nmayfly_connections 2\n"));
  EXPECT_THAT(text, HasSubstr("\nmayfly_build_info{version=\""));
}

TEST(HostMetrics, StepsAreHistogramsInSeconds) {
  HostSnapshot snapshot;
  Timeline timeline;
  timeline.Record(TimelineStep::kRequested, 1s);
  timeline.Record(TimelineStep::kFirstRun, 1s + 1500us);
  timeline.Record(TimelineStep::kExited, 1s + 90s);
  StepSet counted;
  snapshot.counters.CountSteps(timeline, 1s + 90s, counted);
  snapshot.counters.CountSteps(timeline, 1s + 90s, counted);
  const std::string text = TextOf(snapshot);
  const std::string bucket = "\nmayfly_start_seconds_bucket{step=\"firstRun\",le=";
  EXPECT_THAT(text, HasSubstr(bucket + "\"0.001\"} 0\n"));
  EXPECT_THAT(text, HasSubstr(bucket + "\"0.002\"} 1\n"));
  EXPECT_THAT(text, HasSubstr(bucket + "\"+Inf\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\nmayfly_start_seconds_sum{step=\"firstRun\"} 0.0015\n"));
  EXPECT_THAT(text, HasSubstr("\nmayfly_start_seconds_count{step=\"kernelEntered\"} 0\n"));
  EXPECT_THAT(text, Not(HasSubstr("step=\"exited\"")));
  EXPECT_THAT(text, HasSubstr("\nmayfly_vm_lifetime_seconds_bucket{le=\"60\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("\nmayfly_vm_lifetime_seconds_sum 90\n"));
}

// The times but the first are a VMM's word.
TEST(HostMetrics, StepsThatCannotBeAreNotCounted) {
  HostCounters counters;
  Timeline timeline;
  timeline.Record(TimelineStep::kRequested, 10s);
  timeline.Record(TimelineStep::kFirstRun, Nanoseconds::min());
  timeline.Record(TimelineStep::kKernelEntered, 9s);
  timeline.Record(TimelineStep::kUserspaceReached, 12s);
  timeline.Record(TimelineStep::kExited, Nanoseconds::max());
  timeline.Record(TimelineStep::kVmmEntered, 11s);
  StepSet counted;
  counters.CountSteps(timeline, 11s, counted);
  EXPECT_EQ(counted.count(), 1U);
  EXPECT_EQ(counters.steps.at(static_cast<size_t>(TimelineStep::kVmmEntered)).count(), 1U);
  // A request that is one's word, too.
  Timeline forged;
  forged.Record(TimelineStep::kRequested, Nanoseconds::min());
  forged.Record(TimelineStep::kExited, 11s);
  counters.CountSteps(forged, 11s, counted);
  EXPECT_EQ(counted.count(), 1U);
}

TEST(HostMetrics, MemoryIsThatOfTheProcesses) {
  HostSnapshot snapshot;
  EXPECT_THAT(TextOf(snapshot), HasSubstr("\nmayfly_vm_memory_resident_bytes 0\n"));
  snapshot.processes.push_back(::getpid());
  EXPECT_THAT(TextOf(snapshot), Not(HasSubstr("\nmayfly_vm_memory_resident_bytes 0\n")));
}

TEST(MetricsEndpoint, AnswersFromTheLoopsThread) {
  std::optional<MetricsEndpoint> endpoint;
  kj::AsyncIoContext io = kj::setupAsyncIo();
  auto opened = MetricsEndpoint::Open("127.0.0.1:0");
  ASSERT_TRUE(opened.ok()) << opened.status();
  endpoint = *std::move(opened);
  const std::string url = endpoint->url();
  EXPECT_THAT(HttpGet(url), HasSubstr(" 404 "));
  const auto loops = std::this_thread::get_id();
  endpoint->Serve([&] {
    EXPECT_EQ(std::this_thread::get_id(), loops);
    HostSnapshot snapshot;
    snapshot.counters.launches = 11;
    return snapshot;
  });
  auto answered = kj::newPromiseAndCrossThreadFulfiller<std::string>();
  std::thread client([&] { answered.fulfiller->fulfill(HttpGet(url)); });
  EXPECT_THAT(answered.promise.wait(io.waitScope),
              AllOf(HasSubstr(" 200 "), HasSubstr("text/plain"), HasSubstr("_launches_total 11")));
  client.join();
}

TEST(MetricsEndpoint, AScrapeOutlivesTheLoop) {
  std::optional<MetricsEndpoint> endpoint;
  std::future<std::string> answer;
  {
    kj::AsyncIoContext io = kj::setupAsyncIo();
    auto opened = MetricsEndpoint::Open("127.0.0.1:0");
    ASSERT_TRUE(opened.ok()) << opened.status();
    endpoint = *std::move(opened);
    endpoint->Serve([] { return HostSnapshot{}; });
    // The loop never turns: the answer waits for it, before it is gone or afterwards.
    answer = std::async(std::launch::async, HttpGet, endpoint->url());
  }
  EXPECT_THAT(answer.get(), Not(HasSubstr("mayfly_vms")));
}

TEST(MetricsEndpoint, AnAddressThatIsTakenOrNoneIsAnError) {
  const auto first = MetricsEndpoint::Open("127.0.0.1:0");
  ASSERT_TRUE(first.ok()) << first.status();
  const std::string url = first->url();
  const size_t address = std::string("http://").size();
  const std::string taken = url.substr(address, url.rfind('/') - address);
  const auto second = MetricsEndpoint::Open(taken);
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()),
              AllOf(HasSubstr("metrics: "), HasSubstr(taken), HasSubstr("Address already in use")));
  for (const char* const bad :
       {"9470", "127.0.0.1", "127.0.0.1:65536", "localhost:9470", "::1:9470", "127.0.0.1:94x",
        "[127.0.0.1]:9470", "127.0.0.1:9470s"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(MetricsEndpoint::Open(bad).status())) << bad;
  }
}

}  // namespace
}  // namespace mayfly::api
