#include "contain/storage/stream.hpp"

#include <unistd.h>

#include <cerrno>
#include <vector>

#include "contain/core/error.hpp"
#include "contain/sys/file.hpp"

namespace contain::storage {

std::size_t fd_source::read(std::span<std::byte> into) {
  const auto n = sys::retry([&] { return ::read(fd_, into.data(), into.size()); });
  if (n < 0) throw error::from_errno(errno, "read", name_);
  return static_cast<std::size_t>(n);
}

void fd_sink::write(std::span<const std::byte> bytes) {
  if (const auto done = sys::write_all(fd_, bytes.data(), bytes.size()); !done)
    throw error::from_errno(done.error(), "write", name_);
}

std::uint64_t copy(byte_source& from, byte_sink& to) {
  std::vector<std::byte> buffer(256 * 1024);
  std::uint64_t copied = 0;
  while (const auto n = from.read(buffer)) {
    to.write(std::span{buffer}.first(n));
    copied += n;
  }
  return copied;
}

std::size_t read_full(byte_source& from, std::span<std::byte> into) {
  std::size_t done = 0;
  while (done != into.size()) {
    const auto n = from.read(into.subspan(done));
    if (n == 0) break;
    done += n;
  }
  return done;
}

std::string read_text(byte_source& from, std::size_t limit, std::string_view what) {
  std::string out;
  for (;;) {
    const auto had = out.size();
    out.resize(had + 64 * 1024);
    const auto n = from.read(std::as_writable_bytes(std::span{out}).subspan(had));
    out.resize(had + n);
    if (n == 0) return out;
    if (out.size() > limit) throw error{errc::corrupt, "read", std::string{what}, "longer than any such document"};
  }
}

}  // namespace contain::storage
