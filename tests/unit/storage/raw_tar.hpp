// Tar archives byte by byte, so that tests can make what no archiver would, and their compressed forms.
#pragma once
#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace contain::testing {

struct raw_header {
  std::string name;
  char type = '0';
  std::string link = {};
  unsigned mode = 0644;
  unsigned uid = 0, gid = 0;
  unsigned long long mtime = 1'700'000'000;
  unsigned device_major = 0, device_minor = 0;
  std::string size = {};  ///< the field as it stands; empty = the body's
  bool bad_checksum = false;
};

class raw_tar {
 public:
  raw_tar& add(const raw_header& h, std::string_view body = {}) {
    std::array<char, 512> block{};
    const auto field = [&](std::size_t at, std::size_t size, std::string_view text) {
      std::memcpy(block.data() + at, text.data(), std::min(size, text.size()));
    };
    const auto octal = [&](std::size_t at, int digits, unsigned long long n) {
      std::array<char, 24> text{};
      (void)std::snprintf(text.data(), text.size(), "%0*llo", digits, n);
      field(at, static_cast<std::size_t>(digits), text.data());
    };
    field(0, 100, h.name);
    octal(100, 7, h.mode);
    octal(108, 7, h.uid);
    octal(116, 7, h.gid);
    octal(124, 11, body.size());
    if (!h.size.empty()) field(124, 12, h.size);
    octal(136, 11, h.mtime);
    field(148, 8, "        ");
    block[156] = h.type;
    field(157, 100, h.link);
    field(257, 8, std::string_view{"ustar\00000", 8});
    octal(329, 7, h.device_major);
    octal(337, 7, h.device_minor);
    unsigned sum = h.bad_checksum ? 1 : 0;
    for (const char c : block) sum += static_cast<unsigned char>(c);
    octal(148, 6, sum);
    block[154] = '\0';
    bytes_.append(block.data(), block.size());
    append_padded(body);
    return *this;
  }
  raw_tar& dir(std::string name, unsigned mode = 0755) {
    return add({.name = std::move(name), .type = '5', .mode = mode});
  }
  raw_tar& file(std::string name, std::string_view body = "x") { return add({.name = std::move(name)}, body); }
  raw_tar& symlink(std::string name, std::string to) {
    return add({.name = std::move(name), .type = '2', .link = std::move(to), .mode = 0777});
  }
  raw_tar& hardlink(std::string name, std::string to) {
    return add({.name = std::move(name), .type = '1', .link = std::move(to)});
  }
  /// An extended header for the entry that follows ('x') or for all of them ('g').
  raw_tar& pax(std::initializer_list<std::pair<std::string_view, std::string_view>> records, char type = 'x') {
    std::string body;
    for (const auto& [key, value] : records) {
      std::size_t length = key.size() + value.size() + 3;
      length += std::to_string(length).size();
      if (std::to_string(length).size() + key.size() + value.size() + 3 != length) ++length;
      body += std::to_string(length);
      (body += ' ').append(key) += '=';
      body.append(value) += '\n';
    }
    return add({.name = "pax", .type = type}, body);
  }
  /// GNU's long name ('L') or long link ('K') for the entry that follows.
  raw_tar& gnu_long(std::string_view text, char type = 'L') {
    return add({.name = "././@LongLink", .type = type}, std::string{text} + '\0');
  }
  raw_tar& append(std::string_view bytes) {
    bytes_.append(bytes);
    return *this;
  }
  /// The two zero blocks.
  [[nodiscard]] std::string end() const { return bytes_ + std::string(1024, '\0'); }
  [[nodiscard]] const std::string& unfinished() const noexcept { return bytes_; }

 private:
  void append_padded(std::string_view body) {
    bytes_.append(body);
    bytes_.append((512 - body.size() % 512) % 512, '\0');
  }
  std::string bytes_;
};

inline std::string gzip(std::string_view plain) {
  std::string out(plain.size() + plain.size() / 10 + 1024, '\0');
  std::string bytes{plain};
  isal_zstream s;
  isal_deflate_stateless_init(&s);
  s.gzip_flag = IGZIP_GZIP;
  s.end_of_stream = 1;
  s.flush = NO_FLUSH;
  s.next_in = reinterpret_cast<std::uint8_t*>(bytes.data());
  s.avail_in = static_cast<std::uint32_t>(bytes.size());
  s.next_out = reinterpret_cast<std::uint8_t*>(out.data());
  s.avail_out = static_cast<std::uint32_t>(out.size());
  if (isal_deflate_stateless(&s) != COMP_OK) throw std::runtime_error{"gzip"};
  out.resize(s.total_out);
  return out;
}

inline std::string zstd(std::string_view plain) {
  std::string out(ZSTD_compressBound(plain.size()), '\0');
  const auto n = ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 3);
  if (ZSTD_isError(n) != 0) throw std::runtime_error{"zstd"};
  out.resize(n);
  return out;
}

}  // namespace contain::testing
