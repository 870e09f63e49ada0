#pragma once

#include <string>
#include <string_view>

namespace mayfly::cli {

// A word for the guest's init as the kernel's command line can carry it. Linux tells words apart by
// blanks, except within double quotes, and has no way to write a double quote itself: that, a
// backslash and control characters become \xHH, which mayfly-init (images/init/options.h) turns
// back. A word of none of these arrives untouched at any init.
[[nodiscard]] std::string QuoteInitWord(std::string_view word);

}  // namespace mayfly::cli
