#include "virtio/core/buffers.h"

#include <algorithm>
#include <cstring>

namespace mayfly::virtio {

std::span<iovec> WithoutFront(std::span<iovec> pieces, size_t bytes) {
  while (!pieces.empty() && bytes >= pieces.front().iov_len) {
    bytes -= pieces.front().iov_len;
    pieces = pieces.subspan(1);
  }
  if (bytes != 0 && !pieces.empty()) {
    iovec& first = pieces.front();
    first.iov_base = static_cast<std::byte*>(first.iov_base) + bytes;
    first.iov_len -= bytes;
  }
  return pieces;
}

void Buffers::Clear() {
  pieces_.clear();
  first_ = 0;
  size_ = 0;
}

void Buffers::Append(std::byte* data, size_t size) {
  if (size == 0) return;
  pieces_.push_back({.iov_base = data, .iov_len = size});
  size_ += size;
}

std::span<iovec> Buffers::pieces() { return std::span(pieces_).subspan(first_); }

// `bytes` are no more than the first piece has.
void Buffers::DropFront(size_t bytes) {
  iovec& piece = pieces_[first_];
  piece.iov_base = static_cast<std::byte*>(piece.iov_base) + bytes;
  piece.iov_len -= bytes;
  if (piece.iov_len == 0) ++first_;
  size_ -= bytes;
}

bool Buffers::TakeFront(std::span<std::byte> out) {
  if (out.size() > size_) return false;
  while (!out.empty()) {
    const iovec& piece = pieces_[first_];
    const size_t part = std::min(out.size(), piece.iov_len);
    std::memcpy(out.data(), piece.iov_base, part);
    DropFront(part);
    out = out.subspan(part);
  }
  return true;
}

size_t Buffers::PutFront(std::span<const std::byte> data) {
  size_t put = 0;
  while (put < data.size() && size_ != 0) {
    const iovec& piece = pieces_[first_];
    const size_t part = std::min(data.size() - put, piece.iov_len);
    std::memcpy(piece.iov_base, data.subspan(put).data(), part);
    DropFront(part);
    put += part;
  }
  return put;
}

std::byte* Buffers::TakeLastByte() {
  if (size_ == 0) return nullptr;
  iovec& piece = pieces_.back();
  --piece.iov_len;
  --size_;
  std::byte* const last = static_cast<std::byte*>(piece.iov_base) + piece.iov_len;
  if (piece.iov_len == 0) pieces_.pop_back();
  return last;
}

}  // namespace mayfly::virtio
