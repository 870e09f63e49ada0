#include "base/event_loop.h"

#include <sys/epoll.h>

#include <array>
#include <span>
#include <utility>

#include "base/status.h"

namespace mayfly {
namespace {

// Handlers are few (a kick fd per queue, timers): one batch takes what is ready, the next the rest.
constexpr int kBatch = 16;
constexpr int kForever = -1;

}  // namespace

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create() {
  OwnedFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return ErrnoStatus("creating an epoll instance");
  MAYFLY_ASSIGN_OR_RETURN(EventFd wake, EventFd::Create());
  auto loop = std::make_unique<EventLoop>(Passkey(), std::move(epoll), std::move(wake));
  EventLoop* const raw = loop.get();
  MAYFLY_RETURN_IF_ERROR(loop->Watch(loop->wake_.fd(), [raw] { raw->wake_.Drain(); }));
  return loop;
}

EventLoop::~EventLoop() = default;

absl::Status EventLoop::Watch(int fd, Work on_readable) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return ErrnoStatus("watching a file descriptor");
  }
  handlers_[fd] = std::make_shared<Work>(std::move(on_readable));
  return absl::OkStatus();
}

void EventLoop::Unwatch(int fd) {
  if (handlers_.erase(fd) != 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void EventLoop::Post(Work work) {
  {
    const std::scoped_lock lock(mutex_);
    if (state_ == State::kStopping || state_ == State::kStopped) return;
    posted_.push_back(std::move(work));
    changed_.notify_all();
  }
  wake_.Signal();
}

void EventLoop::RunSync(const Work& work) {
  std::unique_lock lock(mutex_);
  if (thread_ == std::this_thread::get_id()) {
    lock.unlock();
    work();
  } else if (!Serving()) {
    RunInPlace(work, lock);
  } else {
    bool done = false;  // guarded by mutex_
    posted_.push_back([&] {
      work();
      const std::scoped_lock done_lock(mutex_);
      done = true;
      // Under the lock: the waiter, who owns `done`, cannot leave before we let go of it.
      changed_.notify_all();
    });
    changed_.notify_all();
    wake_.Signal();
    changed_.wait(lock, [&] { return done; });
  }
}

void EventLoop::RunInPlace(const Work& work, std::unique_lock<std::mutex>& lock) {
  changed_.wait(lock, [this] { return thread_ == std::thread::id() || Serving(); });
  if (Serving()) {  // it has begun meanwhile
    lock.unlock();
    RunSync(work);
    return;
  }
  // The caller is the loop's thread for as long as this takes: nobody else comes in, Run() neither.
  thread_ = std::this_thread::get_id();
  lock.unlock();
  work();
  lock.lock();
  thread_ = std::thread::id();
  changed_.notify_all();
}

void EventLoop::RunPosted() {
  std::vector<Work> work;
  {
    const std::scoped_lock lock(mutex_);
    work.swap(posted_);
  }
  for (const Work& item : work) item();
}

// Not by epoll_wait(2), which what is held would keep awake.
void EventLoop::AwaitPosted() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !posted_.empty() || state_ != State::kRunning; });
}

void EventLoop::Dispatch(int fd) {
  const auto found = handlers_.find(fd);
  if (found == handlers_.end()) return;
  const std::shared_ptr<Work> handler = found->second;
  (*handler)();
}

void EventLoop::Announce() {
  const std::scoped_lock lock(mutex_);
  if (state_ == State::kNew) state_ = State::kAnnounced;
}

void EventLoop::Run() {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return thread_ == std::thread::id(); });
    if (state_ == State::kStopped) return;  // before it began
    thread_ = std::this_thread::get_id();
    // Stopped since it was announced, it still serves those who wait.
    if (state_ != State::kStopping) state_ = State::kRunning;
  }
  std::array<epoll_event, kBatch> events{};
  while (true) {
    RunPosted();
    {
      const std::scoped_lock lock(mutex_);
      if (state_ != State::kRunning && posted_.empty()) {
        state_ = State::kStopped;
        thread_ = std::thread::id();
        changed_.notify_all();
        return;
      }
    }
    if (held_) {
      AwaitPosted();
      continue;
    }
    const int ready = ::epoll_wait(epoll_.get(), events.data(), kBatch, kForever);
    if (ready <= 0) continue;  // EINTR
    for (const epoll_event& event : std::span(events).first(static_cast<size_t>(ready))) {
      Dispatch(event.data.fd);
    }
  }
}

void EventLoop::Stop() {
  {
    const std::scoped_lock lock(mutex_);
    if (state_ == State::kStopped) return;
    // A loop that never ran has nobody to serve what was posted: it ends here.
    state_ = state_ == State::kNew ? State::kStopped : State::kStopping;
    changed_.notify_all();
  }
  wake_.Signal();
}

}  // namespace mayfly
