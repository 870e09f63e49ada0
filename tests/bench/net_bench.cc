// net_bench BINARIES [ROUNDS]: virtio-net over a tap, measured by the guest netbench
// on Mayfly and on QEMU microvm by turns, so that a noisy moment hits both alike. BINARIES is a
// folder laid out as Bazel's output. In a network of its own; what the guest sends to nobody, the
// host's kernel drops; what it receives comes from a packet socket (net_peer.h). Prints JSON lines,
// as ci/bench describes.
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tests/bench/bench_tap.h"
#include "tests/bench/guest_bench.h"
#include "tests/bench/mayfly_subjects.h"
#include "tests/bench/net_peer.h"
#include "tests/bench/qemu.h"
#include "virtio/net/testing/own_network.h"

namespace mayfly::bench {
namespace {

constexpr const char* kWords = "ms=500";  // of each case
constexpr const char* kTap = "mayfly-bench0";
constexpr const char* kMac = "02:00:00:00:00:02";

std::vector<GuestSubject> Subjects(const std::string& binaries) {
  const std::string kernel = binaries + "/tests/guests/netbench";
  std::vector<GuestSubject> subjects = MayflySubjects(
      binaries, kernel, kWords, {"--net", absl::StrCat("tap=", kTap, ",mac=", kMac)});
  subjects.push_back(
      {.name = "qemu",
       .argv = QemuMicrovm(
           kernel, kWords,
           {"-netdev", absl::StrCat("tap,id=net,vhost=off,script=no,downscript=no,ifname=", kTap),
            "-device", absl::StrCat("virtio-net-device,netdev=net,mac=", kMac)}),
       .status = kQemuStatus});
  return subjects;
}

std::vector<Figure> Evaluate(const GuestReport& report, const HostCost& cost) {
  constexpr double kMegabit = 1000;
  std::vector<Figure> figures = {{"packets", "1/s", report.At("pps")},
                                 {"throughput", "Gbit/s", report.At("mbits") / kMegabit}};
  AddCosts(report, cost, figures);
  return figures;
}

// What the guest says it sent must have reached the host: a VMM that drops packets is not fast.
class Witness final {
 public:
  void Watch(const BenchTap& tap) {
    tap_ = &tap;
    told_ = 0;
  }
  void Hear(const GuestReport& report) {
    if (report.name.starts_with("tx-")) told_ += static_cast<uint64_t>(report.At("operations"));
  }
  [[nodiscard]] absl::Status Check() const {
    MAYFLY_ASSIGN_OR_RETURN(const uint64_t seen, tap_->PacketsFromGuest());
    if (seen >= told_) return absl::OkStatus();
    return absl::DataLossError(
        absl::StrCat("the guest sent ", told_, " packets, of which ", seen, " reached the host"));
  }

 private:
  const BenchTap* tap_ = nullptr;
  uint64_t told_ = 0;
};

absl::Status Run(const std::string& binaries, int rounds) {
  MAYFLY_RETURN_IF_ERROR(virtio::EnterEmptyNetwork());
  Witness witness;
  GuestBench bench("net", [&](const GuestReport& report, const HostCost& cost) {
    witness.Hear(report);
    return Evaluate(report, cost);
  });
  for (int round = 0; round < rounds; ++round) {
    for (const GuestSubject& subject : Subjects(binaries)) {
      MAYFLY_ASSIGN_OR_RETURN(const BenchTap tap, BenchTap::Create(kTap));
      MAYFLY_ASSIGN_OR_RETURN(const std::unique_ptr<NetPeer> peer, NetPeer::Start(tap.index()));
      witness.Watch(tap);
      MAYFLY_RETURN_IF_ERROR(bench.Round("", {subject}));
      if (const absl::Status status = witness.Check(); !status.ok()) {
        return Annotate(status, subject.name);
      }
      if (peer->losses() != 0) {
        std::fprintf(stderr, "net_bench: %s: %lu packets were lost\n", subject.name.c_str(),
                     peer->losses());
      }
    }
  }
  bench.Print(stdout);
  return absl::OkStatus();
}

}  // namespace
}  // namespace mayfly::bench

int main(int argc, char** argv) {
  using namespace mayfly::bench;
  return GuestBenchMain(
      std::span(argv, static_cast<size_t>(argc)), "net_bench", "BINARIES",
      [](std::span<char* const> words, int rounds) { return Run(words[0], rounds); });
}
