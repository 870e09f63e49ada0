#include "images/unikernel/heap.h"

#include <algorithm>
#include <mutex>
#include <new>

#include "images/unikernel/boot_info.h"
#include "images/unikernel/memory.h"
#include "images/unikernel/power.h"

namespace mayfly::guest {
namespace {

// Bytes: a free block, a header, and what alignof(std::max_align_t) asks for.
constexpr uint64_t kGranularity = 16;
constexpr uint64_t kMappedFromStart = uint64_t{1} << 30;

constexpr uint64_t AlignUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

Heap heap;

}  // namespace

void* Heap::Allocate(size_t bytes, size_t alignment) {
  if (!prepared_) Prepare();
  alignment = std::max<size_t>(alignment, kGranularity);
  if (bytes > SIZE_MAX / 2 || alignment > SIZE_MAX / 4) return nullptr;
  const std::lock_guard guard(lock_);
  for (FreeBlock** link = &free_; *link != nullptr; link = &(*link)->next) {
    FreeBlock* block = *link;
    const auto begin = reinterpret_cast<uint64_t>(block);
    const uint64_t memory = AlignUp(begin + sizeof(Header), alignment);
    const uint64_t end = AlignUp(memory + bytes, kGranularity);
    if (end > begin + block->size) continue;
    uint64_t size = end - begin;
    if (size == block->size) {
      *link = block->next;
    } else {
      auto* rest = reinterpret_cast<FreeBlock*>(end);
      *rest = {.size = block->size - size, .next = block->next};
      *link = rest;
    }
    *reinterpret_cast<Header*>(memory - sizeof(Header)) = {.block = begin, .size = size};
    return reinterpret_cast<void*>(memory);
  }
  return nullptr;
}

void Heap::Free(void* memory) {
  if (memory == nullptr) return;
  const Header header = *(static_cast<Header*>(memory) - 1);
  const std::lock_guard guard(lock_);
  Insert(header.block, header.size);
}

// Merges with the neighbours.
void Heap::Insert(uint64_t begin, uint64_t size) {
  FreeBlock* before = nullptr;
  FreeBlock* after = free_;
  while (after != nullptr && reinterpret_cast<uint64_t>(after) < begin) {
    before = after;
    after = after->next;
  }
  auto* block = reinterpret_cast<FreeBlock*>(begin);
  *block = {.size = size, .next = after};
  if (after != nullptr && begin + size == reinterpret_cast<uint64_t>(after)) {
    *block = {.size = size + after->size, .next = after->next};
  }
  if (before == nullptr) {
    free_ = block;
  } else if (reinterpret_cast<uint64_t>(before) + before->size == begin) {
    *before = {.size = before->size + block->size, .next = block->next};
  } else {
    before->next = block;
  }
}

// Adds what nobody occupies of the RAM from `begin` to `end`.
void Heap::AddRam(uint64_t begin, uint64_t end) {
  while (begin < end) {
    uint64_t piece_end = end;
    uint64_t next = end;
    for (const MemoryRange& range : OccupiedMemory()) {
      if (range.end() <= begin || range.address >= piece_end) continue;
      piece_end = std::max(range.address, begin);
      next = range.end();
    }
    const uint64_t first = AlignUp(begin, kGranularity);
    const uint64_t last = piece_end & ~(kGranularity - 1);
    if (first < last) Insert(first, last - first);
    begin = next;
  }
}

void Heap::Prepare() {
  prepared_ = true;
  for (const MemoryRange& range : MemoryMap()) {
    if (range.type != MemoryType::kRam) continue;
    AddRam(range.address, std::min(range.end(), kMappedFromStart));
  }
  // To map the rest takes memory, by now there is some.
  for (const MemoryRange& range : MemoryMap()) {
    const uint64_t begin = std::max(range.address, kMappedFromStart);
    const uint64_t end = std::min(range.end(), kMappableEnd);
    if (range.type != MemoryType::kRam || begin >= end) continue;
    MapMemory(begin, end - begin);
    AddRam(begin, end);
  }
}

}  // namespace mayfly::guest

namespace {

void* AllocateOrPanic(size_t bytes, size_t alignment) {
  void* memory = mayfly::guest::heap.Allocate(bytes, alignment);
  if (memory == nullptr) mayfly::guest::Panic("guest panic: out of memory");
  return memory;
}

}  // namespace

void* operator new(size_t bytes) { return AllocateOrPanic(bytes, 1); }
void* operator new[](size_t bytes) { return AllocateOrPanic(bytes, 1); }
void* operator new(size_t bytes, std::align_val_t alignment) {
  return AllocateOrPanic(bytes, static_cast<size_t>(alignment));
}
void* operator new[](size_t bytes, std::align_val_t alignment) {
  return AllocateOrPanic(bytes, static_cast<size_t>(alignment));
}
void* operator new(size_t bytes, const std::nothrow_t& /*tag*/) noexcept {
  return mayfly::guest::heap.Allocate(bytes, 1);
}
void* operator new[](size_t bytes, const std::nothrow_t& /*tag*/) noexcept {
  return mayfly::guest::heap.Allocate(bytes, 1);
}
void operator delete(void* memory) noexcept { mayfly::guest::heap.Free(memory); }
void operator delete[](void* memory) noexcept { mayfly::guest::heap.Free(memory); }
void operator delete(void* memory, size_t /*bytes*/) noexcept { mayfly::guest::heap.Free(memory); }
void operator delete[](void* memory, size_t /*bytes*/) noexcept {
  mayfly::guest::heap.Free(memory);
}
void operator delete(void* memory, std::align_val_t /*alignment*/) noexcept {
  mayfly::guest::heap.Free(memory);
}
void operator delete[](void* memory, std::align_val_t /*alignment*/) noexcept {
  mayfly::guest::heap.Free(memory);
}
void operator delete(void* memory, size_t /*bytes*/, std::align_val_t /*alignment*/) noexcept {
  mayfly::guest::heap.Free(memory);
}
void operator delete[](void* memory, size_t /*bytes*/, std::align_val_t /*alignment*/) noexcept {
  mayfly::guest::heap.Free(memory);
}
