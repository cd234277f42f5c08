// "64m" <-> bytes and "10s" <-> durations, as the docker command line reads and prints them.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace contain::units {

/// "512", "64b", "64k", "64m", "1.5g", "2t" (powers of 1024; "kb", "KiB" too). Nothing if it is none of these.
std::optional<std::uint64_t> parse_bytes(std::string_view text) noexcept;
/// Docker's table form with powers of 1000: 13256 -> "13.3kB".
std::string human_size(std::uint64_t bytes);
/// "300ms", "10s", "1m30s", "2h"; a bare number is seconds.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) noexcept;
/// Docker's words: "Less than a second", "5 seconds", "About a minute", "3 hours", "2 weeks".
std::string human_duration(std::chrono::seconds elapsed);

}  // namespace contain::units
