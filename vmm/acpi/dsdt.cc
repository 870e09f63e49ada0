#include "vmm/acpi/dsdt.h"

#include "absl/strings/str_format.h"
#include "vmm/acpi/aml.h"
#include "vmm/acpi/virtio_slot.h"
#include "vmm/devices/panic_port.h"
#include "vmm/devices/serial.h"
#include "vmm/devices/sleep_control.h"
#include "vmm/layout.h"

namespace mayfly::vmm {
namespace {

// Without legacy interrupts, a kernel has the UART's only from here.
Bytes SerialPort() {
  return aml::Device(
      "COM1",
      aml::Concatenate(
          {aml::Name("_HID", aml::EisaId("PNP0501")), aml::Name("_UID", aml::Integer(1)),
           aml::Name("_CRS", aml::ResourceTemplate({aml::Ports(layout::kSerial, Serial::kSize),
                                                    aml::Interrupt(layout::kSerialGsi)}))}));
}

// The ID that Linux' pvpanic driver knows.
Bytes PanicDevice() {
  return aml::Device(
      "PEVT", aml::Concatenate({aml::Name("_HID", aml::String("QEMU0001")),
                                aml::Name("_CRS", aml::ResourceTemplate({aml::Ports(
                                                      layout::kPanic, PanicPort::kSize)}))}));
}

// The ID of virtio-mmio (virtio 1.2 leaves ACPI open; Linux' virtio_mmio driver and QEMU agree on
// this one).
Bytes VirtioDevice(size_t index) {
  const VirtioSlot slot = SlotOf(index);
  return aml::Device(
      absl::StrFormat("VM%02u", index),
      aml::Concatenate(
          {aml::Name("_HID", aml::String("LNRO0005")),
           aml::Name("_UID", aml::Integer(static_cast<uint32_t>(index))),
           aml::Name("_CRS", aml::ResourceTemplate(
                                 {aml::Memory(static_cast<uint32_t>(slot.address),
                                              static_cast<uint32_t>(layout::kVirtioMmioStride)),
                                  aml::Interrupt(slot.gsi)}))}));
}

// Without ACPI's fixed hardware, a button is a device (ACPI 6.5, 4.8.3.1.2.2), and an interrupt
// becomes a notification of it by way of the Generic Event Device (5.6.9).
Bytes PowerButton() {
  constexpr char kButton[] = "PWRB";
  constexpr uint32_t kPressed = 0x80;  // table 5.208
  const Bytes button =
      aml::Device(kButton, aml::Concatenate({aml::Name("_HID", aml::EisaId("PNP0C0C")),
                                             aml::Name("_UID", aml::Integer(0))}));
  const Bytes events = aml::Device(
      "GED",
      aml::Concatenate(
          {aml::Name("_HID", aml::String("ACPI0013")), aml::Name("_UID", aml::Integer(0)),
           aml::Name("_CRS", aml::ResourceTemplate({aml::Interrupt(layout::kPowerButtonGsi)})),
           aml::Method("_EVT", 1, aml::Notify(kButton, kPressed))}));
  return aml::Concatenate({button, events});
}

}  // namespace

Bytes DsdtTerms(size_t virtio_devices) {
  Bytes devices = aml::Concatenate({SerialPort(), PanicDevice(), PowerButton()});
  for (size_t i = 0; i < virtio_devices; ++i) AppendBytes(devices, VirtioDevice(i));
  // ACPI 6.5, 7.4.2: the first element is what goes into the sleep control register.
  const Bytes off =
      aml::Name("\\_S5", aml::Package({aml::Integer(SleepControl::kSleepTypeS5), aml::Integer(0),
                                       aml::Integer(0), aml::Integer(0)}));
  return aml::Concatenate({aml::Scope("\\_SB", devices), off});
}

}  // namespace mayfly::vmm
