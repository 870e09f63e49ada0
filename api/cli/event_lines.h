#pragma once

#include "api/cli/say.h"
#include "api/mayfly.capnp.h"

namespace mayfly::cli {

// A VM's events, on our standard error.
class EventLines final : public rpc::EventListener::Server {
 protected:
  kj::Promise<void> event(EventContext context) override {
    Complain(context.getParams().getEvent().getText().cStr());
    return kj::READY_NOW;
  }
};

}  // namespace mayfly::cli
