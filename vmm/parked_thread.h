#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mayfly::vmm {

// A thread made ahead of its work: it prepares itself, then waits to be given some. So the 100
// microseconds that a new thread takes to come alive pass while its work is still being made, and
// whoever has several can be sure that all are prepared before the first begins.
//
// Its stack is small: std::thread cannot choose its size, and the default of 8 MiB counts against
// limits of address space.
class ParkedThread final {
 public:
  using Preparation = std::function<absl::Status()>;
  using Work = std::function<void()>;

  // `name`: at most 15 bytes, for ps and debuggers. Errors: ResourceExhausted.
  [[nodiscard]] static absl::StatusOr<ParkedThread> Start(std::string name,
                                                          Preparation preparation);
  ParkedThread(ParkedThread&& other) noexcept;
  ParkedThread& operator=(ParkedThread&&) = delete;
  ParkedThread(const ParkedThread&) = delete;
  ParkedThread& operator=(const ParkedThread&) = delete;
  // Waits for the thread's end. One that was never released has no work.
  ~ParkedThread();

  // Waits until the preparation is over. Errors: its own.
  [[nodiscard]] absl::Status AwaitPrepared() const;
  // Says that Release() will follow within some 100 microseconds: the thread wakes up and waits for
  // it on its feet, so that it begins at once. May be left out, and does no harm where the work
  // comes later after all.
  void Rouse();
  // Lets it go to work, whether it could prepare itself or not. Once.
  void Release(Work work);

 private:
  struct State;
  static void* Main(void* state);

  explicit ParkedThread(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;  // empty when moved from
};

}  // namespace mayfly::vmm
