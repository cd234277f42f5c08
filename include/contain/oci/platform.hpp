// Operating system, architecture and variant, with containerd's normalisation and order of preference.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace contain::oci {

struct index;
struct descriptor;

/// As an index's entries say it (image-spec image-index.md); GOOS and GOARCH words. Compare normalised values.
struct platform {
  std::string os, architecture, variant;
  std::string os_version;
  std::vector<std::string> os_features;

  friend bool operator==(const platform&, const platform&) = default;
};

/// "linux/arm64/v8", "linux/amd64", "arm64" or "linux"; parts that are missing are this machine's. Normalised.
/// Throws error{invalid}.
platform parse_platform(std::string_view text);
/// x86_64 -> amd64, aarch64 -> arm64, armhf -> arm/v7, arm64/v8 -> arm64, amd64/v1 -> amd64, arm -> arm/v7.
platform normalise(platform p);
/// What this library was compiled for. No system call: the words of the ABI, not of the processor.
platform host_platform();
/// "linux/arm64/v8"; without the variant when it has none.
std::string to_string(const platform& p);

/// How well `offered` serves `wanted`: 0 is exact, higher is worse (an older variant of the same architecture);
/// nothing when it does not run there. Only the same architecture counts: a 32-bit image on a 64-bit host needs
/// system calls that the default seccomp profile refuses, so it has to be asked for by name.
std::optional<unsigned> match_rank(const platform& wanted, const platform& offered);

/// The best entry of `from` for `wanted`; the first of equals. An entry without a platform serves only when no other
/// does and it is the only one; the caller then checks the image's config. Null when none serves.
const descriptor* choose(const index& from, const platform& wanted);
/// What an index offers, "linux/amd64, linux/arm64/v8", without attestations ("unknown/unknown").
std::string list_platforms(const index& of);

}  // namespace contain::oci
