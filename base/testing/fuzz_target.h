#pragma once

#include <cstddef>
#include <cstdint>

// libFuzzer's entry: runs one input. Anything wrong is said by a sanitizer or a trap; returns 0.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
