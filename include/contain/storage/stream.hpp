// Bytes in order: pulled from a source, pushed into a sink.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace contain::storage {

/// One owner at a time.
class byte_source {
 public:
  virtual ~byte_source() = default;
  /// Fills the front of `into`; how many bytes it was. 0 = the end, now and from now on. Throws contain::error.
  virtual std::size_t read(std::span<std::byte> into) = 0;

 protected:
  byte_source() = default;
  byte_source(const byte_source&) = default;
  byte_source& operator=(const byte_source&) = default;
};

/// A descriptor's bytes from where it stands: a file, a pipe, a socket. Borrowed.
class fd_source final : public byte_source {
 public:
  explicit fd_source(int fd, std::string name = "input") : fd_(fd), name_(std::move(name)) {}
  std::size_t read(std::span<std::byte> into) override;

 private:
  int fd_;
  std::string name_;
};

/// Bytes in memory. Borrowed.
class memory_source final : public byte_source {
 public:
  explicit memory_source(std::string_view bytes) noexcept : rest_(bytes) {}
  std::size_t read(std::span<std::byte> into) override {
    const auto n = std::min(into.size(), rest_.size());
    std::memcpy(into.data(), rest_.data(), n);
    rest_.remove_prefix(n);
    return n;
  }

 private:
  std::string_view rest_;
};

/// Where bytes go. One owner at a time.
class byte_sink {
 public:
  virtual ~byte_sink() = default;
  /// Takes all of `bytes`. Throws contain::error.
  virtual void write(std::span<const std::byte> bytes) = 0;

 protected:
  byte_sink() = default;
  byte_sink(const byte_sink&) = default;
  byte_sink& operator=(const byte_sink&) = default;
};

/// A descriptor: a file, a pipe, a socket. Borrowed.
class fd_sink final : public byte_sink {
 public:
  explicit fd_sink(int fd, std::string name = "output") : fd_(fd), name_(std::move(name)) {}
  void write(std::span<const std::byte> bytes) override;

 private:
  int fd_;
  std::string name_;
};

/// Reads into all of `into` unless the source ends; how many bytes it was.
std::size_t read_full(byte_source& from, std::span<std::byte> into);
/// Moves everything up to the end; how many bytes it was.
std::uint64_t copy(byte_source& from, byte_sink& to);
/// Everything up to the end. Throws error{corrupt} when that is more than `limit` bytes.
std::string read_text(byte_source& from, std::size_t limit, std::string_view what);

}  // namespace contain::storage
