#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_fd.h"
#include "base/owned_fd.h"

namespace mayfly {

// epoll(7) on one thread: file descriptors with handlers, and work posted from other threads.
//
// Threading: Run() makes its caller the loop's thread. Watch() and Unwatch() are for the loop's
// thread, and for anybody before Run() begins; handlers and posted work run on the loop's thread.
// Post(), RunSync() and Stop() are for any thread.
class EventLoop final {
  // Only Create() can make one, and make_unique can still be used.
  class Passkey {
    friend class EventLoop;
    Passkey() = default;
  };

 public:
  using Work = std::function<void()>;

  EventLoop(Passkey, OwnedFd epoll, EventFd wake)
      : epoll_(std::move(epoll)), wake_(std::move(wake)) {}

  [[nodiscard]] static absl::StatusOr<std::unique_ptr<EventLoop>> Create();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop();

  // Calls `on_readable` whenever `fd` is readable (level-triggered). The loop does not own `fd`:
  // Unwatch() it before it is closed. An fd is watched once.
  [[nodiscard]] absl::Status Watch(int fd, Work on_readable);
  // After this, its handler is not called any more, not even for an event already fetched.
  void Unwatch(int fd);

  // Runs `work` soon, in the order of posting. Work posted after Stop() is dropped.
  void Post(Work work);
  // Runs `work` on the loop's thread and returns when it is done. Where the caller is that thread,
  // at once. Where the loop is not to begin yet or has ended, on the caller's thread, which stands
  // in for the loop's meanwhile: one at a time, and Run() waits for it. Never call it with a lock
  // held that a handler takes.
  void RunSync(const Work& work);

  // Until Release() no handler is called; what is posted is done as ever. On the loop's thread.
  void Hold() { held_ = true; }
  void Release() { held_ = false; }

  // Says that Run() is about to be called, for certain: from now on RunSync() waits for it, for
  // callers that must not do the loop's work themselves. Once, before Run().
  void Announce();
  // Serves until Stop(). Can be called once.
  void Run();
  // Makes Run() return once the handler at work has returned; RunSync() calls already waiting are
  // served first.
  void Stop();

 private:
  enum class State { kNew, kAnnounced, kRunning, kStopping, kStopped };

  // Whether a thread is in Run(), or on its way there. Under mutex_.
  [[nodiscard]] bool Serving() const { return state_ != State::kNew && state_ != State::kStopped; }
  void RunInPlace(const Work& work, std::unique_lock<std::mutex>& lock);
  void RunPosted();
  // While handlers are held: until something is posted, or the loop is to end.
  void AwaitPosted();
  void Dispatch(int fd);

  OwnedFd epoll_;
  EventFd wake_;
  // shared_ptr: a handler may Unwatch() itself, or another whose event waits in the same batch.
  std::unordered_map<int, std::shared_ptr<Work>> handlers_;
  bool held_ = false;  // of the loop's thread

  std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::kNew;  // guarded by mutex_
  std::thread::id thread_;     // guarded by mutex_; who acts as the loop's thread, if anybody
  std::vector<Work> posted_;   // guarded by mutex_
};

}  // namespace mayfly
