#pragma once

#include <kj/exception.h>

#include <utility>

namespace mayfly::api {

// What is wrong with a message, Cap'n Proto finds out where that is read, and throws: what is
// nested too deeply, and pointers that lead nowhere, or to another type.

// `thrown` as InvalidArgument, for a client: `field` cannot be read.
[[nodiscard]] kj::Exception Unreadable(const char* field, const kj::Exception& thrown);

// What `read` answers, which reads `field` of a message and does little else. Throws Unreadable()
// where it cannot be read; what it throws for another reason (a connection that is gone, a
// shortage) is thrown on.
template <typename Read>
decltype(auto) Readable(const char* field, Read&& read) {
  try {
    return std::forward<Read>(read)();
  } catch (const kj::Exception& exception) {
    if (exception.getType() != kj::Exception::Type::FAILED) throw;
    kj::throwFatalException(Unreadable(field, exception));
  }
}

}  // namespace mayfly::api
