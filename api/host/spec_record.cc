#include "api/host/spec_record.h"

namespace mayfly::api {
namespace {

void DropFile(rpc::NamedFile::Builder builder) { builder.disownFile(); }

void DropFiles(rpc::Net::Builder net) {
  auto backend = net.getBackend();
  switch (backend.which()) {
    case rpc::Net::Backend::TAP:
      backend.initTap(0);
      return;
    case rpc::Net::Backend::PASST:
      backend.disownPasst();
      return;
    case rpc::Net::Backend::NONE:
    case rpc::Net::Backend::TAP_NAMED:
    case rpc::Net::Backend::USER:
      return;
  }
}

void DropFiles(rpc::MachineSpec::Builder spec) {
  if (spec.hasKernel()) DropFile(spec.getKernel());
  if (spec.hasInitrd()) DropFile(spec.getInitrd());
  for (auto disk : spec.getDisks()) {
    if (disk.hasImage()) DropFile(disk.getImage());
    if (!disk.hasOverlay()) continue;
    auto upper = disk.getOverlay().getUpper();
    if (upper.isFile() && upper.hasFile()) DropFile(upper.getFile());
  }
  for (auto net : spec.getNets()) DropFiles(net);
}

}  // namespace

SpecRecord::SpecRecord(rpc::MachineSpec::Reader spec) {
  capnp::MallocMessageBuilder with_files;
  with_files.setRoot(spec);
  auto builder = with_files.getRoot<rpc::MachineSpec>();
  DropFiles(builder);
  builder.disownCpuProfile();
  // Again, since what is dropped leaves room behind.
  capnp::MallocMessageBuilder without;
  without.setRoot(builder.asReader());
  words_ = capnp::messageToFlatArray(without);
}

void SpecRecord::CopyTo(rpc::Host::InspectResults::Builder results) const {
  capnp::FlatArrayMessageReader reader(words_);
  results.setSpec(reader.getRoot<rpc::MachineSpec>());
}

}  // namespace mayfly::api
