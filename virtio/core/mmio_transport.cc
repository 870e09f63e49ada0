#include "virtio/core/mmio_transport.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/checked.h"
#include "base/status.h"

namespace mayfly::virtio {
namespace {

constexpr unsigned kWordBits = 32;
constexpr uint32_t kWords = 2;  // of feature bits

constexpr uint32_t Word(uint64_t value, uint32_t index) {
  return index < kWords ? static_cast<uint32_t>(value >> (index * kWordBits)) : 0;
}

constexpr uint64_t WithWord(uint64_t value, uint32_t index, uint32_t word) {
  const unsigned shift = index * kWordBits;
  const uint64_t mask = uint64_t{0xffffffff} << shift;
  return (value & ~mask) | (uint64_t{word} << shift);
}

constexpr uint32_t kLow = 0;
constexpr uint32_t kHigh = 1;

// The steps of initialisation, each of which needs those before it (virtio 1.2, 3.1.1).
constexpr std::array kStatusSteps = {kStatusAcknowledge, kStatusDriver, kStatusFeaturesOk,
                                     kStatusDriverOk};

bool IsRegisterAccess(uint64_t offset, size_t size) {
  return size == sizeof(uint32_t) && IsAligned<uint64_t>(offset, sizeof(uint32_t));
}

}  // namespace

absl::StatusOr<std::unique_ptr<MmioTransport>> MmioTransport::Create(std::unique_ptr<Device> device,
                                                                     const GuestMemory& memory,
                                                                     EventLoop& io,
                                                                     Options options) {
  std::vector<EventFd> kicks;
  for (size_t queue = 0; queue < device->queue_max_sizes().size(); ++queue) {
    MAYFLY_ASSIGN_OR_RETURN(EventFd kick, EventFd::Create());
    kicks.push_back(std::move(kick));
  }
  auto transport = std::make_unique<MmioTransport>(Passkey(), std::move(device), memory, io,
                                                   std::move(options), std::move(kicks));
  MmioTransport* const raw = transport.get();
  for (uint16_t queue = 0; queue < raw->queue_count(); ++queue) {
    MAYFLY_RETURN_IF_ERROR(
        io.Watch(raw->kick(queue).fd(), [raw, queue] { raw->ServeKick(queue); }));
  }
  return transport;
}

MmioTransport::MmioTransport(Passkey, std::unique_ptr<Device> device, const GuestMemory& memory,
                             EventLoop& io, Options options, std::vector<EventFd> kicks)
    : device_(std::move(device)),
      memory_(memory),
      io_(io),
      options_(std::move(options)),
      offered_features_(device_->features() | kRingFeatures),
      kicks_(std::move(kicks)),
      queue_registers_(kicks_.size()),
      queues_(kicks_.size()) {}

MmioTransport::~MmioTransport() {
  Quiesce();
  io_.RunSync([this] {
    for (const EventFd& kick : kicks_) io_.Unwatch(kick.fd());
  });
}

void MmioTransport::Read(uint64_t offset, std::span<std::byte> out) {
  std::ranges::fill(out, std::byte{0});
  const std::scoped_lock lock(mutex_);
  if (offset >= kMmioConfigOffset) {
    device_->ReadConfig(offset - kMmioConfigOffset, out);
  } else if (IsRegisterAccess(offset, out.size())) {
    const uint32_t value = ReadRegister(static_cast<MmioRegister>(offset));
    std::memcpy(out.data(), &value, sizeof value);
  }
}

void MmioTransport::Write(uint64_t offset, std::span<const std::byte> data) {
  const std::scoped_lock lock(mutex_);
  if (offset >= kMmioConfigOffset) {
    device_->WriteConfig(offset - kMmioConfigOffset, data);
  } else if (IsRegisterAccess(offset, data.size())) {
    uint32_t value = 0;
    std::memcpy(&value, data.data(), sizeof value);
    WriteRegister(static_cast<MmioRegister>(offset), value);
  }
}

uint32_t MmioTransport::ReadRegister(MmioRegister reg) const {
  const bool queue_exists = queue_sel_ < queue_count();
  switch (reg) {
    case MmioRegister::kMagicValue:
      return kMmioMagic;
    case MmioRegister::kVersion:
      return kMmioVersion;
    case MmioRegister::kDeviceId:
      return static_cast<uint32_t>(device_->type());
    case MmioRegister::kVendorId:
      return kMmioVendor;
    case MmioRegister::kDeviceFeatures:
      return Word(offered_features_, device_features_sel_);
    case MmioRegister::kQueueNumMax:
      return queue_exists ? device_->queue_max_sizes()[queue_sel_] : 0;
    case MmioRegister::kQueueReady:
      return queue_exists && queue_registers_[queue_sel_].ready ? 1 : 0;
    case MmioRegister::kInterruptStatus:
      return interrupt_.status();
    case MmioRegister::kStatus:
      return status_ | (needs_reset_.load(std::memory_order_acquire) ? kStatusNeedsReset : 0);
    case MmioRegister::kShmLenLow:
    case MmioRegister::kShmLenHigh:
    case MmioRegister::kShmBaseLow:
    case MmioRegister::kShmBaseHigh:
      return kNoSharedMemory;
    case MmioRegister::kConfigGeneration:
      return config_generation_.load(std::memory_order_acquire);
    default:
      return 0;  // written only, or not defined
  }
}

void MmioTransport::WriteRegister(MmioRegister reg, uint32_t value) {
  switch (reg) {
    case MmioRegister::kDeviceFeaturesSel:
      device_features_sel_ = value;
      return;
    case MmioRegister::kDriverFeaturesSel:
      driver_features_sel_ = value;
      return;
    case MmioRegister::kDriverFeatures:
      WriteDriverFeatures(value);
      return;
    case MmioRegister::kQueueSel:
      queue_sel_ = value;
      return;
    case MmioRegister::kQueueNotify:
      if (value < queue_count()) kicks_[value].Signal();
      return;
    case MmioRegister::kInterruptAck:
      interrupt_.Acknowledge(value);
      return;
    case MmioRegister::kStatus:
      WriteStatus(value);
      return;
    default:
      WriteQueueRegister(reg, value);
      return;
  }
}

void MmioTransport::WriteDriverFeatures(uint32_t value) {
  // Between DRIVER and FEATURES_OK only (3.1.1): what was agreed on stays.
  if ((status_ & (kStatusDriver | kStatusFeaturesOk)) != kStatusDriver) return;
  if (driver_features_sel_ < kWords) {
    driver_features_ = WithWord(driver_features_, driver_features_sel_, value);
  } else if (value != 0) {
    features_beyond_64_ = true;
  }
}

void MmioTransport::WriteQueueRegister(MmioRegister reg, uint32_t value) {
  // Queues are set up between FEATURES_OK and DRIVER_OK (3.1.1). While the device uses them nothing
  // moves, not even QueueReady to 0: the way to take a queue back is a reset of the device
  // (VIRTIO_F_RING_RESET is not offered).
  constexpr uint32_t kMatters = kStatusFeaturesOk | kStatusDriverOk | kStatusFailed;
  if ((status_ & kMatters) != kStatusFeaturesOk || queue_sel_ >= queue_count()) return;
  QueueRegisters& queue = queue_registers_[queue_sel_];
  if (reg == MmioRegister::kQueueReady) {
    queue.ready = value == 1;
    return;
  }
  if (queue.ready) return;  // 4.2.2.2
  QueueLayout& layout = queue.layout;
  switch (reg) {
    case MmioRegister::kQueueNum:
      layout.size = value;
      return;
    case MmioRegister::kQueueDescLow:
      layout.descriptors = WithWord(layout.descriptors, kLow, value);
      return;
    case MmioRegister::kQueueDescHigh:
      layout.descriptors = WithWord(layout.descriptors, kHigh, value);
      return;
    case MmioRegister::kQueueDriverLow:
      layout.available = WithWord(layout.available, kLow, value);
      return;
    case MmioRegister::kQueueDriverHigh:
      layout.available = WithWord(layout.available, kHigh, value);
      return;
    case MmioRegister::kQueueDeviceLow:
      layout.used = WithWord(layout.used, kLow, value);
      return;
    case MmioRegister::kQueueDeviceHigh:
      layout.used = WithWord(layout.used, kHigh, value);
      return;
    default:
      return;  // read only, or not defined
  }
}

bool MmioTransport::FeaturesAcceptable() const {
  return !features_beyond_64_ && (driver_features_ & ~offered_features_) == 0 &&
         (driver_features_ & kFeatureVersion1) != 0 && device_->Accepts(driver_features_);
}

void MmioTransport::WriteStatus(uint32_t value) {
  if (value == 0) {
    Deactivate();
    ResetRegisters();
    return;
  }
  // The driver sets bits one after the other and takes none back (2.1.1); what does not follow that
  // is ignored.
  if ((value & status_) != status_) return;
  if ((value & kStatusFailed) != 0) {
    status_ |= kStatusFailed;
    Deactivate();
    return;
  }
  for (const uint32_t step : kStatusSteps) {
    if ((value & step) == 0) return;  // and those that need it
    if ((status_ & step) != 0) continue;
    // The driver reads the status back to see whether its features were taken (3.1.1).
    if (step == kStatusFeaturesOk && !FeaturesAcceptable()) return;
    status_ |= step;
    if (step == kStatusDriverOk) Activate();
  }
}

void MmioTransport::Activate() {
  io_.RunSync([this] { ActivateOnIo(); });
}

// The io thread is asked only where it can have something to stop: a driver's first reset, at its
// start, costs nothing.
void MmioTransport::Deactivate() {
  if ((status_ & kStatusDriverOk) != 0) io_.RunSync([this] { DeactivateOnIo(); });
}

void MmioTransport::ResetRegisters() {
  status_ = 0;
  device_features_sel_ = 0;
  driver_features_sel_ = 0;
  queue_sel_ = 0;
  driver_features_ = 0;
  features_beyond_64_ = false;
  std::ranges::fill(queue_registers_, QueueRegisters());
  interrupt_.Acknowledge(kInterruptUsedBuffer | kInterruptConfigChange);
}

void MmioTransport::Settle() {
  if (active_) device_->Settle();
}

void MmioTransport::Quiesce() {
  io_.RunSync([this] {
    if (std::exchange(quiesced_, true)) return;
    DeactivateOnIo();
    device_->Shutdown();
  });
}

// The vCPU thread that waits for this holds mutex_, so that driver_features_ and queue_registers_
// stand still.
void MmioTransport::ActivateOnIo() {
  if (quiesced_) return;
  for (size_t i = 0; i < queues_.size(); ++i) {
    if (!queue_registers_[i].ready) continue;
    const absl::Status status = queues_[i].Activate(
        memory_, queue_registers_[i].layout, device_->queue_max_sizes()[i], driver_features_);
    if (!status.ok()) {
      Fail(absl::StrCat("queue ", i, ": ", status.message()));
      for (Queue& queue : queues_) queue.Deactivate();
      return;
    }
  }
  active_ = true;
  device_->Activate(driver_features_, queues_, *this);
}

void MmioTransport::DeactivateOnIo() {
  if (std::exchange(active_, false)) device_->Reset();
  for (Queue& queue : queues_) queue.Deactivate();
  needs_reset_.store(false, std::memory_order_release);
}

void MmioTransport::ServeKick(uint16_t queue) {
  kicks_[queue].Drain();
  if (!active_ || needs_reset_.load(std::memory_order_relaxed) || !queues_[queue].active()) return;
  if (!std::exchange(kicked_, true) && options_.on_first_kick) options_.on_first_kick();
  device_->OnKick(queue);
}

void MmioTransport::InterruptForQueue() { interrupt_.Raise(kInterruptUsedBuffer); }

void MmioTransport::ConfigChanged() {
  config_generation_.fetch_add(1, std::memory_order_acq_rel);
  interrupt_.Raise(kInterruptConfigChange);
}

void MmioTransport::KickAgain(uint16_t queue) { kicks_[queue].Signal(); }

void MmioTransport::Fail(std::string what) {
  if (needs_reset_.exchange(true, std::memory_order_acq_rel)) return;
  // A change of the status is announced as one of the configuration (2.1.2), whose contents are
  // still the same.
  interrupt_.Raise(kInterruptConfigChange);
  Report(DeviceEvent::kTrouble,
         absl::StrCat("the guest broke the virtio protocol, its driver must reset the device: ",
                      what));
}

void MmioTransport::Report(DeviceEvent event, std::string what) {
  if (events_ == kMaxEvents || !options_.on_event) return;
  ++events_;
  const char* const last = events_ == kMaxEvents ? " (further events of it are not told)" : "";
  options_.on_event(event, absl::StrCat(options_.name, ": ", what, last));
}

}  // namespace mayfly::virtio
